//! The only place that wires the service; tests use it too.

use std::sync::Arc;

use bowline_contracts::FILE_DESCRIPTOR_SET;
use bowline_contracts::inventory::v1::catalog_service_server::CatalogServiceServer;
use bowline_contracts::inventory::v1::inventory_service_server::InventoryServiceServer;
use bowline_contracts::topics::{INVENTORY, INVENTORY_COMMANDS, INVENTORY_EVENTS, ORDERS_EVENTS};
use bowline_database::Migrator;
use bowline_kernel::{Clock, SystemClock, SystemIds};
use bowline_messaging::Wiring;
use bowline_service::{Grpc, Service, forget_answers};

use crate::api::{CatalogApi, InventoryApi};
use crate::config::Settings;
use crate::{Inventory, MIGRATOR};

/// What this service says and hears.
pub fn wiring() -> Wiring {
    Wiring {
        source: INVENTORY,
        owns: vec![&INVENTORY_EVENTS, &INVENTORY_COMMANDS],
        sends: vec![&INVENTORY_EVENTS],
        hears: vec![&ORDERS_EVENTS, &INVENTORY_COMMANDS],
        derived: false,
    }
}

/// Every owner of tables in the database of inventory, in the order in which their migrations are applied.
pub fn migrators() -> [(&'static str, &'static Migrator); 3] {
    [
        ("messaging", &bowline_messaging::MIGRATOR),
        ("idempotency", &bowline_idempotency::MIGRATOR),
        ("inventory", &MIGRATOR),
    ]
}

/// Starts everything but the gRPC server, which [`Service::run`] starts. Kafka may be away.
pub async fn start(settings: Settings) -> anyhow::Result<Service> {
    let (service, reads, registered) = Service::register(settings.replica, wiring(), &migrators()).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (database, outbox) = (registered.database(), registered.outbox());
    let node = registered.start(Inventory::new(database, outbox, Arc::clone(&clock), Arc::new(SystemIds)))?;
    forget_answers(&service.background(), reads.clone(), clock, settings.answers_kept);
    let size = service.limits().message_size_max;
    let inventory = InventoryApi::new(node.commands(), reads.clone());
    let catalog = CatalogApi::new(node.commands(), reads.clone());
    let grpc = Grpc::new(FILE_DESCRIPTOR_SET)
        .add_service(InventoryServiceServer::new(inventory).max_decoding_message_size(size))
        .add_service(CatalogServiceServer::new(catalog).max_decoding_message_size(size));
    Ok(service.with_node(node, reads).grpc(grpc))
}
