//! The only place that wires the service; tests use it too.

use std::sync::Arc;

use anyhow::Context as _;
use bowline_contracts::FILE_DESCRIPTOR_SET;
use bowline_contracts::orders::v1::orders_service_server::OrdersServiceServer;
use bowline_contracts::topics::{
    INVENTORY_COMMANDS, INVENTORY_EVENTS, ORDERS, ORDERS_EVENTS, PAYMENT_COMMANDS, PAYMENT_EVENTS,
};
use bowline_database::Migrator;
use bowline_kernel::{Clock, IdSource, SystemClock, SystemIds};
use bowline_messaging::Wiring;
use bowline_service::{Forwarding, Grpc, Service, forget_answers};

use crate::MIGRATOR;
use crate::api::Api;
use crate::app::execute::Orders;
use crate::config::Settings;
use crate::deadlines::{DeadlineParts, DeadlineWorker, Ways};
use crate::infra::catalogue::Catalogue;

/// What orders says and hears.
pub fn wiring() -> Wiring {
    Wiring {
        source: ORDERS,
        owns: vec![&ORDERS_EVENTS],
        sends: vec![&ORDERS_EVENTS, &INVENTORY_COMMANDS, &PAYMENT_COMMANDS],
        hears: vec![&INVENTORY_EVENTS, &PAYMENT_EVENTS],
        derived: false,
    }
}

/// Every owner of tables in the database of orders, in the order in which their migrations are applied.
pub fn migrators() -> [(&'static str, &'static Migrator); 4] {
    [
        ("messaging", &bowline_messaging::MIGRATOR),
        ("event_store", &bowline_event_store::MIGRATOR),
        ("idempotency", &bowline_idempotency::MIGRATOR),
        ("orders", &MIGRATOR),
    ]
}

/// Starts everything but the gRPC server, which [`Service::run`] starts. Kafka and inventory may be away.
pub async fn start(settings: Settings) -> anyhow::Result<Service> {
    let catalogue = Catalogue::new(&settings.catalogue).context("the catalogue's address cannot be used")?;
    let (service, reads, registered) = Service::register(settings.replica, wiring(), &migrators()).await?;
    service.show_breaker(catalogue.breaker());
    let (clock, ids): (Arc<dyn Clock>, Arc<dyn IdSource>) = (Arc::new(SystemClock), Arc::new(SystemIds));
    let (database, outbox) = (registered.database(), registered.outbox());
    let (deadlines, cached_max) = (settings.deadlines, settings.orders_cached_max);
    let handler =
        Orders::new(database, outbox, Arc::clone(&clock), Arc::clone(&ids), cached_max, deadlines.limits);
    let sagas = handler.sagas();
    service.metrics().add(sagas.clone());
    let told = sagas.clone();
    let service = service.show_in_flight(move || told.in_flight());
    let node = registered.start(handler)?;
    let (inventory_url, payment_url) = (&settings.catalogue.url, &deadlines.payment_url);
    let ways = Ways::new(node.inputs(), inventory_url, payment_url, deadlines.probe_timeout)
        .context("the address of a neighbour cannot be used")?;
    let parts = DeadlineParts {
        database: reads.clone(),
        commands: node.commands(),
        owned: node.owned(),
        ways,
        clock: Arc::clone(&clock),
        sagas,
    };
    let worker = DeadlineWorker::new(deadlines, parts);
    service.background().spawn("deadlines", worker.run(service.draining()));
    let forwarding = Forwarding::new(node.holders(), settings.forwarding);
    let service = service.forwarding(&forwarding);
    let api = Api {
        commands: node.commands(),
        reads: reads.clone(),
        catalogue,
        limits: settings.line_limits,
        owned: node.owned(),
        forwarding,
        clock: Arc::clone(&clock),
        ids,
    };
    forget_answers(&service.background(), reads.clone(), clock, settings.answers_kept);
    let server = OrdersServiceServer::new(api).max_decoding_message_size(service.limits().message_size_max);
    Ok(service.with_node(node, reads).grpc(Grpc::new(FILE_DESCRIPTOR_SET).add_service(server)))
}
