//! Putting the service together: the only place that knows all of its parts. Tests start it here as well.

use std::convert::Infallible;
use std::time::Duration;

use bowline_contracts::projection::v1::query_service_server::QueryServiceServer;
use bowline_contracts::{FILE_DESCRIPTOR_SET, topics};
use bowline_database::{ConnectOptions, Database, Profile};
use bowline_messaging::{Node, NodeOptions, Registered, Wiring};
use bowline_service::{Grpc, Service, ServiceError};
use tokio_util::sync::CancellationToken;

use crate::api::QueryApi;
use crate::app::queries::Queries;
use crate::config::Settings;
use crate::{MIGRATOR, Projector, Watches};

/// How long a caller waits for a connection to the database.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the lanes may take to stop; what is not done then is done by whoever takes over.
const LANES_PATIENCE: Duration = Duration::from_secs(5);

/// Why the service could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address or a server.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The database.
    #[error("the projection's database cannot be used")]
    Database(#[from] bowline_database::Error),
    /// The lanes.
    #[error("the lanes cannot be started")]
    Lanes(#[from] bowline_messaging::Error),
}

/// A part of the lanes ended although nobody stopped it.
#[derive(Debug, thiserror::Error)]
#[error("the {0} of the lanes ended")]
struct LanesEnded(&'static str);

/// What the service hears; it says nothing.
pub fn wiring() -> Wiring {
    Wiring {
        source: "projection",
        owns: Vec::new(),
        sends: Vec::new(),
        hears: vec![&topics::ORDERS_EVENTS, &topics::INVENTORY_EVENTS, &topics::PAYMENT_EVENTS],
    }
}

/// Applies the migrations with the role that owns the tables.
pub async fn migrate(owner_url: &str) -> Result<(), bowline_database::Error> {
    let migrators = [("messaging", &bowline_messaging::MIGRATOR), ("projection", &MIGRATOR)];
    bowline_database::migrate(owner_url, &migrators).await
}

/// Starts the service: takes the addresses, prepares the database, begins with the lanes. Kafka may be away. Calls are
/// answered from [`Service::run`] on.
pub async fn start(settings: Settings) -> Result<Service, StartError> {
    let service = Service::start("projection", settings.service.clone()).await?;
    let database_ready = service.readiness().register("database");
    let topics_ready = service.readiness().register("topics");
    if let Some(owner_url) = &settings.migrations_database_url {
        migrate(owner_url.expose()).await?;
    }
    let reads = Database::connect(&query_options(&settings), settings.durability).await?;
    let watches = Watches::new(reads.clone(), settings.watching);
    let options = NodeOptions {
        kafka: settings.kafka,
        lanes: settings.lanes,
        database_url: settings.database_url.expose().to_owned(),
        address: service.grpc_address().to_string(),
    };
    let registered = Registered::register(wiring(), options).await?;
    let projector = Projector::new(registered.database(), watches.clone());
    let node = registered.start(projector)?;
    database_ready.set_ready();

    let stopping = service.background().stopping();
    let (topics_found, serving) = (node.topics_ready(), stopping.clone());
    service.background().spawn("topics", async move {
        tokio::select! {
            () = topics_found => topics_ready.set_ready(),
            () = serving.cancelled() => {}
        }
        serving.cancelled().await;
        Ok::<_, Infallible>(())
    });
    let reader = watches.clone();
    service.background().spawn("watches", async move {
        reader.run(stopping).await;
        Ok::<_, Infallible>(())
    });
    let api = QueryServiceServer::new(QueryApi::new(Queries::new(reads), watches))
        .max_decoding_message_size(service.limits().message_size_max);
    let grpc = Grpc::new(FILE_DESCRIPTOR_SET).add_service(api);
    Ok(run_lanes(service.grpc(grpc), node))
}

/// Watches over the lanes, and stops them as a step of the drain.
fn run_lanes(service: Service, mut node: Node<Infallible, Infallible>) -> Service {
    let (stop, stopped) = (CancellationToken::new(), CancellationToken::new());
    let (asked, done) = (stop.clone(), stopped.clone());
    service.background().spawn("lanes", async move {
        tokio::select! {
            part = node.failed() => return Err(LanesEnded(part)),
            () = asked.cancelled() => {}
        }
        node.drain(LANES_PATIENCE).await;
        done.cancel();
        Ok(())
    });
    service.on_drain("lanes", async move {
        stop.cancel();
        stopped.cancelled().await;
    })
}

fn query_options(settings: &Settings) -> ConnectOptions {
    ConnectOptions {
        url: settings.database_url.expose().to_owned(),
        application: "projection",
        connections_max: settings.query_connections_max,
        acquire_timeout: ACQUIRE_TIMEOUT,
        profile: Profile::Query,
    }
}
