//! The only place that wires the service; tests use it too.

use std::sync::Arc;

use anyhow::Context as _;
use bowline_contracts::FILE_DESCRIPTOR_SET;
use bowline_contracts::health::PROVIDER;
use bowline_contracts::payment::v1::payment_service_server::PaymentServiceServer;
use bowline_contracts::topics::{INVENTORY_EVENTS, ORDERS_EVENTS, PAYMENT, PAYMENT_COMMANDS, PAYMENT_EVENTS};
use bowline_database::Migrator;
use bowline_kernel::{SystemClock, SystemIds};
use bowline_messaging::Wiring;
use bowline_resilience::State;
use bowline_service::{Grpc, Service};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::MIGRATOR;
use crate::api::PaymentApi;
use crate::app::execute::{HandlerParts, PaymentHandler};
use crate::config::Settings;
use crate::infra::provider::Provider;
use crate::worker::{Worker, WorkerParts, intents};

/// What payment says and hears.
pub fn wiring() -> Wiring {
    Wiring {
        source: PAYMENT,
        owns: vec![&PAYMENT_EVENTS, &PAYMENT_COMMANDS],
        sends: vec![&PAYMENT_EVENTS],
        hears: vec![&INVENTORY_EVENTS, &ORDERS_EVENTS, &PAYMENT_COMMANDS],
        derived: false,
    }
}

/// Every owner of tables in the database of payment, in the order in which their migrations are applied.
pub fn migrators() -> [(&'static str, &'static Migrator); 3] {
    [
        ("messaging", &bowline_messaging::MIGRATOR),
        ("event_store", &bowline_event_store::MIGRATOR),
        ("payment", &MIGRATOR),
    ]
}

/// Starts everything but the gRPC server, which [`Service::run`] starts. Kafka and the provider may be away.
pub async fn start(settings: Settings) -> anyhow::Result<Service> {
    let provider =
        Provider::new(&settings.provider).context("no client of the payment provider can be made")?;
    let (service, reads, registered) = Service::register(settings.replica, wiring(), &migrators()).await?;
    let (sender, receiver) = intents();
    let handler = PaymentHandler::new(HandlerParts {
        database: registered.database(),
        outbox: registered.outbox(),
        payments_cached_max: settings.payments_cached_max,
        snapshot_every: settings.snapshot_every,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        intents: sender,
    });
    let node = registered.start(handler)?;
    let parts = WorkerParts {
        provider,
        database: reads.clone(),
        commands: node.commands(),
        owned: node.owned(),
        intents: receiver,
    };
    let api = PaymentServiceServer::new(PaymentApi::new(reads.clone()))
        .max_decoding_message_size(service.limits().message_size_max);
    let worker = Worker::new(settings.worker, parts);
    let valve = worker.valve();
    service.show_valve(&valve);
    service.metrics().add(worker.calls());
    let provider_state = valve.breaker().watch();
    let grpc = Grpc::new(FILE_DESCRIPTOR_SET)
        .add_service(api)
        .health(PROVIDER, provider_state, |state| *state == State::Closed);
    let service = with_worker(service, worker);
    Ok(service.with_node(node, reads).grpc(grpc))
}

/// Runs the worker, and stops it before the executor that takes its outcomes.
fn with_worker(service: Service, worker: Worker) -> Service {
    let stop = CancellationToken::new();
    let (ended, end) = oneshot::channel();
    let stopped = stop.clone();
    service.background().spawn("provider worker", async move {
        let outcome = worker.run(stopped).await;
        // Nobody waits when it ends too early; then the outcome says so.
        let _ = ended.send(());
        outcome
    });
    service.on_drain("provider worker", async move {
        stop.cancel();
        // Gone without a word is ended as well.
        let _ = end.await;
    })
}
