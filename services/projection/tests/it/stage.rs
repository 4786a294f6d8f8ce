//! A database of its own for each test, a projector that is fed by hand, and a service that answers from it.

use std::convert::Infallible;
use std::time::Duration;

use bowline_contracts::projection::v1::query_service_client::QueryServiceClient;
use bowline_database::Database;
use bowline_kernel::OrderId;
use bowline_messaging::{
    Batch, ExecuteError, Executed, Handler as _, KafkaOptions, LaneOptions, NodeOptions, Registered,
};
use bowline_projection::config::{Options, Settings, WatchSettings};
use bowline_projection::{Projector, ReadModel, Watches, bootstrap, stored};
use bowline_projection_domain::Patch;
use bowline_test_support::{Running, ServiceDatabase};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use crate::saga::Told;

/// Ends a run that hangs; no test is right or wrong by it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// Nobody listens there.
pub(crate) const NO_KAFKA: &str = "127.0.0.1:1";

/// The read model of a replica without Kafka.
pub(crate) struct Stage {
    pub(crate) database: ServiceDatabase,
    pub(crate) hot: Database,
    pub(crate) watches: Watches,
    projector: Projector,
    _reader: JoinSet<()>,
}

/// The whole service, answering over gRPC.
pub(crate) struct Serving {
    pub(crate) client: QueryServiceClient<Channel>,
    pub(crate) running: Running,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        // A poll that no test lives to see: what is noticed was told by the commit.
        Self::with(WatchSettings { watchers_max: 2, poll: Duration::from_hours(1) }).await
    }

    pub(crate) async fn with(watching: WatchSettings) -> Self {
        let database = ServiceDatabase::create("projection").await;
        bowline_database::migrate(&database.urls().owner, &bootstrap::migrators()).await.unwrap();
        let options = NodeOptions {
            kafka: KafkaOptions::new(vec![NO_KAFKA.to_owned()], String::new()),
            lanes: LaneOptions::default(),
            database_url: database.urls().runtime.clone(),
            address: "http://127.0.0.1:1".to_owned(),
        };
        let registered = Registered::register(bootstrap::wiring(), options).await.unwrap();
        let hot = registered.database();
        let watches = Watches::new(hot.clone(), watching);
        let projector = Projector::new(ReadModel::new(watches.clone()), hot.clone(), registered.outbox());
        let mut reader = JoinSet::new();
        let running = watches.clone();
        reader.spawn(async move { running.run(CancellationToken::new()).await });
        Self { database, hot, watches, projector, _reader: reader }
    }

    /// A batch of messages, numbered behind the watermarks.
    pub(crate) async fn batch<'a>(&self, told: impl IntoIterator<Item = &'a Told>) -> Batch<Infallible> {
        let messages = told.into_iter().map(|told| told.message.clone()).collect();
        let mut connection = self.hot.acquire().await.unwrap();
        Batch::of_messages(&mut connection, "projection", messages).await.unwrap()
    }

    /// Executes a batch, like the node does.
    pub(crate) async fn execute(
        &mut self,
        batch: &Batch<Infallible>,
    ) -> Result<Executed<Infallible>, ExecuteError> {
        self.projector.execute(batch).await
    }

    /// Hears all of these in one transaction.
    pub(crate) async fn hear<'a>(&mut self, told: impl IntoIterator<Item = &'a Told>) {
        let batch = self.batch(told).await;
        self.execute(&batch).await.unwrap();
    }

    /// The row of an order as it is stored.
    pub(crate) async fn row(&self, order: OrderId) -> Option<Patch> {
        self.rows(&[order]).await.pop()
    }

    /// The rows of these orders.
    pub(crate) async fn rows(&self, orders: &[OrderId]) -> Vec<Patch> {
        let mut connection = self.hot.acquire().await.unwrap();
        let rows = stored(&mut connection, orders).await.unwrap();
        rows.into_iter().map(|(_, row)| row).collect()
    }

    /// As the service itself.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.database.urls().runtime).await.unwrap()
    }

    /// The service on this database, without Kafka: what it tells of was written by this stage, as by another replica.
    pub(crate) async fn serve(&self, more: &[&str]) -> Serving {
        let alone = ["--database-url", &self.database.urls().runtime, "--kafka-brokers", NO_KAFKA];
        serve(settings(&[&alone, more].concat())).await
    }
}

/// Settings with free ports.
pub(crate) fn settings(more: &[&str]) -> Settings {
    let common = [
        "bowline-projection",
        "--grpc-listen",
        "127.0.0.1:0",
        "--http-listen",
        "127.0.0.1:0",
        "--allow-unsafe-durability",
    ];
    bowline_config::parse_from([&common, more].concat(), Options::check).unwrap()
}

pub(crate) async fn serve(settings: Settings) -> Serving {
    let running = Running::start(bootstrap::start(settings).await.unwrap());
    Serving { client: QueryServiceClient::new(running.channel()), running }
}
