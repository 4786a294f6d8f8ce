//! The one place that puts the parts together.

use std::sync::Arc;
use std::time::Duration;

use bowline_contracts::FILE_DESCRIPTOR_SET;
use bowline_contracts::payment::v1::payment_service_server::PaymentServiceServer;
use bowline_contracts::topics;
use bowline_database::{ConnectOptions, Database, Durability, Profile, migrate};
use bowline_kernel::{SystemClock, SystemIds};
use bowline_messaging::{Node, NodeOptions, Registered, Wiring};
use bowline_service::{Grpc, Service, ServiceError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::api::PaymentApi;
use crate::app::execute::{HandlerParts, PaymentHandler};
use crate::app::record_outcome::RecordOutcome;
use crate::config::{DatabaseSettings, Settings};
use crate::infra::provider::Provider;
use crate::worker::{Worker, WorkerParts, intents};

/// Why the service did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be used.
    #[error("the database of payment cannot be used")]
    Database(#[from] bowline_database::Error),
    /// The lanes cannot be started.
    #[error("the lanes of payment cannot be started")]
    Messaging(#[from] bowline_messaging::Error),
    /// No client of the provider could be made.
    #[error("no client of the payment provider can be made")]
    Provider(#[from] reqwest::Error),
    /// Addresses, servers, signals.
    #[error(transparent)]
    Service(#[from] ServiceError),
}

/// A part of the lanes ended although nobody stopped it.
#[derive(Debug, thiserror::Error)]
#[error("the {0} of the lanes ended")]
struct LanesEnded(&'static str);

/// What payment says and hears.
pub fn wiring() -> Wiring {
    Wiring {
        source: topics::PAYMENT,
        owns: vec![&topics::PAYMENT_EVENTS, &topics::PAYMENT_COMMANDS],
        sends: vec![&topics::PAYMENT_EVENTS],
        hears: vec![&topics::INVENTORY_EVENTS, &topics::ORDERS_EVENTS, &topics::PAYMENT_COMMANDS],
    }
}

/// Applies the migrations of payment and of the mechanisms that it stands on, as the database's owner.
pub async fn apply_migrations(url: &str) -> Result<(), bowline_database::Error> {
    let migrators = [
        ("messaging", &bowline_messaging::MIGRATOR),
        ("event store", &bowline_event_store::MIGRATOR),
        ("payment", &crate::MIGRATOR),
    ];
    migrate(url, &migrators).await
}

/// Starts everything but the calls, which are answered from [`Service::run`] on. Kafka and the provider may be away.
pub async fn start(settings: Settings) -> Result<Service, Error> {
    let drain_timeout = settings.service.drain.timeout;
    let service = Service::start(topics::PAYMENT, settings.service).await?;
    let ready = service.readiness().register("database");
    let database = connect(&settings.database).await?;
    let node_options = NodeOptions {
        kafka: settings.kafka,
        lanes: settings.lanes,
        database_url: settings.database.url.expose().to_owned(),
        address: service.grpc_address().to_string(),
    };
    let registered = Registered::register(wiring(), node_options).await?;
    let (sender, receiver) = intents();
    let handler = PaymentHandler::new(HandlerParts {
        database: registered.database(),
        outbox: registered.outbox(),
        payments_cached_max: settings.database.payments_cached_max,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        intents: sender,
    });
    let node = registered.start(handler)?;
    ready.set_ready();
    let parts = WorkerParts {
        provider: Provider::new(&settings.provider)?,
        database: database.clone(),
        commands: node.commands(),
        owned: node.owned(),
        intents: receiver,
    };
    let service = with_worker(service, Worker::new(settings.worker, parts));
    follow_topics(&service, &node);
    let service = with_lanes(service, node, drain_timeout / 2);
    let limits = service.limits();
    let api = PaymentServiceServer::new(PaymentApi::new(database))
        .max_decoding_message_size(limits.message_size_max);
    Ok(service.grpc(Grpc::new(FILE_DESCRIPTOR_SET).add_service(api)))
}

async fn connect(settings: &DatabaseSettings) -> Result<Database, Error> {
    if let Some(owner) = &settings.migrations_url {
        apply_migrations(owner.expose()).await?;
    }
    let options = ConnectOptions {
        url: settings.url.expose().to_owned(),
        application: topics::PAYMENT,
        connections_max: settings.read_connections_max,
        acquire_timeout: Duration::from_secs(2),
        profile: Profile::Query,
    };
    let durability = if settings.allow_unsafe_durability { Durability::Waived } else { Durability::Required };
    Ok(Database::connect(&options, durability).await?)
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

/// Watches the node, and drains it within `patience`.
fn with_lanes(service: Service, mut node: Node<RecordOutcome, ()>, patience: Duration) -> Service {
    let stop = CancellationToken::new();
    let (ended, end) = oneshot::channel();
    let stopped = stop.clone();
    service.background().spawn("lanes", async move {
        tokio::select! {
            biased;
            () = stopped.cancelled() => {}
            part = node.failed() => return Err(LanesEnded(part)),
        }
        node.drain(patience).await;
        // The drain may have given up waiting.
        let _ = ended.send(());
        Ok(())
    });
    service.on_drain("lanes", async move {
        stop.cancel();
        // Gone without a word is ended as well.
        let _ = end.await;
    })
}

/// Ready once every topic is there.
fn follow_topics(service: &Service, node: &Node<RecordOutcome, ()>) {
    let check = service.readiness().register("topics");
    let found = node.topics_ready();
    let stopping = service.background().stopping();
    service.background().spawn("topics", async move {
        if stopping.run_until_cancelled(found).await.is_some() {
            check.set_ready();
            stopping.cancelled().await;
        }
        Ok::<_, std::convert::Infallible>(())
    });
}
