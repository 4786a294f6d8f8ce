//! The only place that wires the service; tests use it too.

use bowline_config::Faults;
use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_database::Migrator;
use bowline_messaging::{Listening, Wiring};
use bowline_service::{Grpc, ReplicaOptions, ReplicaSettings, Service};

use crate::api::LoyaltyApi;
use crate::v1::loyalty_service_server::LoyaltyServiceServer;
use crate::{Loyalty, MIGRATOR};

/// The name that the service hears and logs under.
pub const LOYALTY: &str = "loyalty";
const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// An example of a service beside Bowline's own: points for what customers order.
#[derive(Debug, clap::Parser)]
#[command(name = "bowline-own-service", version)]
pub struct Options {
    #[command(flatten)]
    replica: ReplicaOptions,
}

impl Options {
    /// Takes the values out, collecting every fault.
    pub fn check(self, faults: &mut Faults) -> Option<ReplicaSettings> {
        self.replica.check(faults)
    }
}

/// What the service hears; it says nothing, and all that it writes can be heard again.
pub fn wiring() -> Wiring {
    let hears = vec![&ORDERS_EVENTS];
    Wiring { source: LOYALTY, owns: Vec::new(), sends: Vec::new(), hears, derived: true }
}

/// Every owner of tables in the database, in the order in which their migrations are applied.
pub fn migrators() -> [(&'static str, &'static Migrator); 2] {
    [("messaging", &bowline_messaging::MIGRATOR), (LOYALTY, &MIGRATOR)]
}

/// Starts everything but the gRPC server, which [`Service::run`] starts. Kafka may be away.
pub async fn start(settings: ReplicaSettings) -> anyhow::Result<Service> {
    let (service, reads, registered) = Service::register(settings, wiring(), &migrators()).await?;
    let listening = Listening::new(Loyalty, registered.database(), registered.outbox());
    let node = registered.start(listening)?;
    let api = LoyaltyServiceServer::new(LoyaltyApi(reads.clone()))
        .max_decoding_message_size(service.limits().message_size_max);
    Ok(service.with_node(node, reads).grpc(Grpc::new(DESCRIPTORS).add_service(api)))
}
