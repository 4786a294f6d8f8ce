//! Inventory and payment, played: their healths, and what they say over Kafka.

use bowline_contracts::events::Published;
use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_database::Database;
use bowline_kernel::{IdSource as _, OrderId, SystemIds};
use bowline_messaging::{
    Batch, ExecuteError, Executed, Handler, KafkaOptions, LaneOptions, Node, NodeOptions, Outbox, Outgoing,
    PartitionWrites, Registered, Wiring,
};
use bowline_test_support::{ServiceDatabase, eventually};
use bytes::Bytes;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use url::Url;

use crate::expiring::PATIENCE;
use crate::stage::now;

/// The health of a service.
pub(crate) struct Health {
    reporter: HealthReporter,
    address: SocketAddr,
    server: JoinSet<Result<(), tonic::transport::Error>>,
}

impl Health {
    /// A service whose process is in order, and that knows of no other health.
    pub(crate) async fn good() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let reporter = HealthReporter::new();
        let service = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
        let mut server = JoinSet::new();
        server.spawn(
            Server::builder().add_service(service).serve_with_incoming(TcpListenerStream::new(listener)),
        );
        Self { reporter, address, server }
    }

    pub(crate) fn url(&self) -> Url {
        format!("http://{}", self.address).parse().unwrap()
    }

    /// From now on this health is good, or it is not.
    pub(crate) async fn is(&self, name: &str, good: bool) {
        let status = if good { ServingStatus::Serving } else { ServingStatus::NotServing };
        self.reporter.set_service_status(name, status).await;
    }

    /// Nobody answers any more.
    pub(crate) async fn goes(mut self) {
        self.server.shutdown().await;
    }
}

/// A service that says what it is told to, on real lanes.
pub(crate) struct Speaker {
    node: Node<Outgoing, ()>,
    database: ServiceDatabase,
}

impl Speaker {
    /// The service that owns the topic of `M`, which must be there.
    pub(crate) async fn of<M: Published>(kafka: &KafkaOptions) -> Self {
        Self::that_has_lost::<M>(0, kafka).await
    }

    /// The same, whose first messages of every lane, so many, are nowhere to be had.
    pub(crate) async fn that_has_lost<M: Published>(messages: i64, kafka: &KafkaOptions) -> Self {
        let source = M::topic().owner;
        let database = ServiceDatabase::create(source).await;
        let migrators = [("messaging", &bowline_messaging::MIGRATOR)];
        bowline_database::migrate(&database.urls().owner, &migrators).await.unwrap();
        let options = NodeOptions {
            kafka: kafka.clone(),
            lanes: LaneOptions::default(),
            database_url: database.urls().runtime.clone(),
            address: "http://127.0.0.1:1".into(),
        };
        let (owns, sends, hears) = (Vec::new(), vec![M::topic()], Vec::new());
        let wiring = Wiring { source, owns, sends, hears, derived: false };
        let registered = Registered::register(wiring, options).await.unwrap();
        let lose = format!(
            "UPDATE messaging.lane_heads SET next_sequence = {messages} + 1;
             UPDATE messaging.published SET sequence = {messages}"
        );
        let mut administrator = PgConnection::connect(&database.urls().owner).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(lose)).execute(&mut administrator).await.unwrap();
        let handler = Says {
            database: registered.database(),
            outbox: registered.outbox(),
            writes: PartitionWrites::default(),
        };
        let node = registered.start(handler).unwrap();
        // Before that, nothing of it is published, not even when it is drained.
        let (topics, mut owned) = (node.topics_ready(), node.owned());
        let ready = async {
            topics.await;
            owned.wait_for(|owned| owned.len() == usize::from(PARTITIONS)).await.map(drop)
        };
        tokio::time::timeout(PATIENCE, ready).await.unwrap().unwrap();
        Self { node, database }
    }

    /// Says something about an order; it lies on the topic at the latest when the speaker is drained.
    pub(crate) async fn say<M: Published>(&self, order: OrderId, message: &M) {
        let outgoing = Outgoing {
            topic: M::topic(),
            key: order.uuid(),
            partition: partition::of_key(order.uuid(), PARTITIONS),
            id: SystemIds.next_id(),
            message_type: M::TYPE,
            time: now(),
            causation: None,
            traceparent: None,
            payload: Bytes::from(message.encode_to_vec()),
        };
        self.node.commands().execute(outgoing).await.unwrap();
    }

    /// Ends when what was said is published: a replica that has just lost its leases drains without it.
    pub(crate) async fn drain(self) {
        let mut owner = PgConnection::connect(&self.database.urls().owner).await.unwrap();
        let unpublished = "SELECT count(*) FROM messaging.lane_heads JOIN messaging.published USING (lane)
                            WHERE sequence < next_sequence - 1";
        eventually("what was said is published", PATIENCE, async || {
            let waiting: i64 = sqlx::query_scalar(unpublished).fetch_one(&mut owner).await.unwrap();
            (waiting == 0).then_some(())
        })
        .await;
        self.node.drain(PATIENCE).await;
    }
}

struct Says {
    database: Database,
    outbox: Outbox,
    writes: PartitionWrites,
}

impl Handler for Says {
    type Command = Outgoing;
    type Reply = ();

    fn concerns(&self, _: &str) -> bool {
        false
    }

    async fn execute(&mut self, batch: &Batch<Outgoing>) -> Result<Executed<()>, ExecuteError> {
        let mut transaction = self.database.begin().await?;
        let admission = batch.admit(&mut transaction, &mut self.writes, &[]).await?;
        let messages = batch.commands.clone();
        let sent = batch.finish(&mut transaction, &admission, &self.outbox, messages).await?;
        transaction.commit().await?;
        Ok(Executed { replies: vec![(); batch.commands.len()], sent, admission })
    }

    fn discard(&mut self) {}
}
