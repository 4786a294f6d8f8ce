//! The one place that wires the service together, for the process and for its tests.

mod health;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bowline_config::DatabaseUrl;
use bowline_contracts::FILE_DESCRIPTOR_SET;
use bowline_contracts::inventory::v1::catalog_service_server::CatalogServiceServer;
use bowline_contracts::inventory::v1::inventory_service_server::InventoryServiceServer;
use bowline_contracts::topics::{INVENTORY, INVENTORY_COMMANDS, INVENTORY_EVENTS, ORDERS_EVENTS};
use bowline_database::{ConnectOptions, Database, Profile, migrate};
use bowline_kernel::{Clock, IdSource, SystemClock, SystemIds};
use bowline_messaging::{Node, NodeOptions, Registered, Wiring};
use bowline_service::{Check, Grpc, LimitSettings, Service, ServiceError};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::app::housekeeping;
use crate::config::{DatabaseSettings, Settings};
use crate::{CatalogApi, Command, Inventory, InventoryApi, MIGRATOR, Reply};

/// Why the service could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The migrations failed.
    #[error(
        "the migrations cannot be applied to {url}: is the server there, and are role and password right?"
    )]
    Migrations {
        /// The database, without its password.
        url: DatabaseUrl,
        /// What happened.
        #[source]
        source: Box<bowline_database::Error>,
    },
    /// The database cannot be used.
    #[error("the database {url} cannot be used: is the server there, and are role and password right?")]
    Database {
        /// The database, without its password.
        url: DatabaseUrl,
        /// What happened.
        #[source]
        source: Box<bowline_database::Error>,
    },
    /// The lanes could not be registered or started.
    #[error("the lanes cannot be started: have the migrations been applied (--migrations-database-url)?")]
    Lanes(#[from] bowline_messaging::Error),
    /// A server or a task failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// A part of the node ended although nobody stopped it.
    #[error("the {0} of the node ended")]
    Node(&'static str),
}

/// The running parts of the service, without its servers.
#[derive(Debug)]
pub struct Parts {
    /// Executor, consumer and relay.
    pub node: Node<Command, Reply>,
    /// The database with the settings of the hot path.
    pub database: Database,
    /// The pool of the queries.
    pub queries: Database,
    /// Stock over gRPC.
    pub inventory: InventoryApi,
    /// The catalogue over gRPC.
    pub catalog: CatalogApi,
}

/// Time and ids of a service.
#[derive(Clone)]
pub struct Sources {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Ids.
    pub ids: Arc<dyn IdSource>,
}

impl Default for Sources {
    /// The machine's.
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock), ids: Arc::new(SystemIds) }
    }
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources").finish_non_exhaustive()
    }
}

/// What this service says and hears.
pub fn wiring() -> Wiring {
    Wiring {
        source: INVENTORY,
        owns: vec![&INVENTORY_EVENTS, &INVENTORY_COMMANDS],
        sends: vec![&INVENTORY_EVENTS],
        hears: vec![&ORDERS_EVENTS, &INVENTORY_COMMANDS],
    }
}

/// Runs the service until a signal has ended it.
pub async fn run(settings: Settings) -> Result<(), Error> {
    let service = Service::start("inventory", settings.service.clone()).await?;
    let database = service.readiness().register("database");
    let topics = service.readiness().register("topics");
    let sources = Sources::default();
    let address = settings.advertised_address.clone().unwrap_or_else(|| service.grpc_address().to_string());
    let parts = assemble(&settings, address, &sources).await?;
    database.set_ready();

    let (background, stopping) = (service.background(), service.background().stopping());
    background.spawn("database check", health::watch(parts.queries.clone(), database, stopping.clone()));
    background.spawn("topics check", await_topics(parts.node.topics_ready(), topics, stopping.clone()));
    let (clock, retention) = (sources.clock, settings.retention);
    background
        .spawn("request keys", housekeeping::forget_requests(parts.database, clock, retention, stopping));
    let (stop, stopped) = (CancellationToken::new(), oneshot::channel());
    background
        .spawn("node", keep_node(parts.node, stop.clone(), settings.service.drain.timeout / 2, stopped.0));

    let service = service.grpc(grpc(parts.inventory, parts.catalog, settings.service.limits));
    let service = service.on_drain("lanes", async move {
        stop.cancel();
        // Dropped instead of answered if the node has failed, which is reported by its task.
        let _ = stopped.1.await;
    });
    Ok(service.run().await?)
}

/// Migrates if asked to, connects, registers the lanes and starts the node. Kafka may be away.
pub async fn assemble(settings: &Settings, address: String, sources: &Sources) -> Result<Parts, Error> {
    let queries = connect(&settings.database).await?;
    let options = NodeOptions {
        kafka: settings.kafka.clone(),
        lanes: settings.lanes.clone(),
        database_url: settings.database.url.expose().to_owned(),
        address,
    };
    let registered = Registered::register(wiring(), options).await?;
    let database = registered.database();
    let Sources { clock, ids } = sources.clone();
    let handler = Inventory::new(database.clone(), registered.outbox(), clock, ids);
    let node = registered.start(handler)?;
    let inventory = InventoryApi::new(node.commands(), queries.pool().clone());
    let catalog = CatalogApi::new(node.commands(), queries.pool().clone());
    Ok(Parts { node, database, queries, inventory, catalog })
}

/// Applies every migration that this service's database needs.
pub async fn migrate_all(url: &str) -> Result<(), bowline_database::Error> {
    migrate(
        url,
        &[
            ("messaging", &bowline_messaging::MIGRATOR),
            ("idempotency", &bowline_idempotency::MIGRATOR),
            ("inventory", &MIGRATOR),
        ],
    )
    .await
}

async fn connect(settings: &DatabaseSettings) -> Result<Database, Error> {
    if let Some(url) = &settings.migrations_url {
        migrate_all(url.expose())
            .await
            .map_err(|source| Error::Migrations { url: url.clone(), source: source.into() })?;
    }
    let options = ConnectOptions {
        url: settings.url.expose().to_owned(),
        application: INVENTORY,
        connections_max: settings.query_connections_max,
        acquire_timeout: settings.query_acquire_timeout,
        profile: Profile::Query,
    };
    Database::connect(&options, settings.durability)
        .await
        .map_err(|source| Error::Database { url: settings.url.clone(), source: source.into() })
}

fn grpc(inventory: InventoryApi, catalog: CatalogApi, limits: LimitSettings) -> Grpc {
    let size = limits.message_size_max;
    Grpc::new(FILE_DESCRIPTOR_SET)
        .add_service(InventoryServiceServer::new(inventory).max_decoding_message_size(size))
        .add_service(CatalogServiceServer::new(catalog).max_decoding_message_size(size))
}

/// Waits until the node fails, which ends the process, or is to stop, and then drains it.
async fn keep_node(
    mut node: Node<Command, Reply>,
    stop: CancellationToken,
    patience: Duration,
    stopped: oneshot::Sender<()>,
) -> Result<(), Error> {
    tokio::select! {
        part = node.failed() => return Err(Error::Node(part)),
        () = stop.cancelled() => {}
    }
    node.drain(patience).await;
    // Nobody listens any more if the drain has run out of time.
    let _ = stopped.send(());
    Ok(())
}

/// Says when every topic is there.
async fn await_topics(
    ready: impl Future<Output = ()>,
    check: Check,
    stopping: CancellationToken,
) -> Result<(), Infallible> {
    if stopping.run_until_cancelled(ready).await.is_some() {
        check.set_ready();
        stopping.cancelled().await;
    }
    Ok(())
}
