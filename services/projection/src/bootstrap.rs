//! The only place that wires the service; tests use it too.

use std::convert::Infallible;

use bowline_contracts::FILE_DESCRIPTOR_SET;
use bowline_contracts::projection::v1::query_service_server::QueryServiceServer;
use bowline_contracts::topics::{INVENTORY_EVENTS, ORDERS_EVENTS, PAYMENT_EVENTS};
use bowline_database::Migrator;
use bowline_messaging::Wiring;
use bowline_service::{Grpc, Service};

use crate::api::QueryApi;
use crate::app::queries::Queries;
use crate::config::Settings;
use crate::{MIGRATOR, Projector, ReadModel, Watches};

const PROJECTION: &str = "projection";

/// What the service hears; it says nothing.
pub fn wiring() -> Wiring {
    Wiring {
        source: PROJECTION,
        owns: Vec::new(),
        sends: Vec::new(),
        hears: vec![&ORDERS_EVENTS, &INVENTORY_EVENTS, &PAYMENT_EVENTS],
        derived: true,
    }
}

/// Every owner of tables in the database of the read model, in the order in which their migrations are applied.
pub fn migrators() -> [(&'static str, &'static Migrator); 2] {
    [("messaging", &bowline_messaging::MIGRATOR), (PROJECTION, &MIGRATOR)]
}

/// Starts everything but the gRPC server, which [`Service::run`] starts. Kafka may be away.
pub async fn start(settings: Settings) -> anyhow::Result<Service> {
    let (service, reads, registered) = Service::register(settings.replica, wiring(), &migrators()).await?;
    let watches = Watches::new(reads.clone(), settings.watching);
    let read_model = ReadModel::new(watches.clone());
    let projector = Projector::new(read_model, registered.database(), registered.outbox());
    let node = registered.start(projector)?;
    let (reader, stopping) = (watches.clone(), service.background().stopping());
    service.background().spawn("watches", async move {
        reader.run(stopping).await;
        Ok::<_, Infallible>(())
    });
    let api = QueryServiceServer::new(QueryApi::new(Queries::new(reads.clone()), watches))
        .max_decoding_message_size(service.limits().message_size_max);
    Ok(service.with_node(node, reads).grpc(Grpc::new(FILE_DESCRIPTOR_SET).add_service(api)))
}
