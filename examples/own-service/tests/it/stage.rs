//! A database of its own for each test, and what orders says.

use std::convert::Infallible;

use bowline_contracts::common::v1::Money;
use bowline_contracts::orders::v1::{OrderCancelled, OrderConfirmed, OrderFinished, OrderPlaced};
use bowline_kernel::{IdSource as _, OrderId, SystemIds};
use bowline_messaging::{
    Batch, ExecuteError, Executed, Handler as _, Incoming, KafkaOptions, LaneOptions, Listening, NodeOptions,
    Registered,
};
use bowline_own_service::Loyalty;
use bowline_own_service::bootstrap::{self, LOYALTY};
use bowline_own_service::v1::loyalty_service_client::LoyaltyServiceClient;
use bowline_own_service::v1::{GetPointsRequest, GetPointsResponse};
use bowline_test_support::{Running, ServiceDatabase, message};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tonic::Status;

/// Nobody listens there.
const NO_KAFKA: &str = "127.0.0.1:1";

/// A replica without Kafka, which is told what it hears.
pub(crate) struct Stage {
    database: ServiceDatabase,
    handler: Listening<Loyalty>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let database = ServiceDatabase::create(LOYALTY).await;
        bowline_database::migrate(&database.urls().owner, &bootstrap::migrators()).await.unwrap();
        let options = NodeOptions {
            kafka: KafkaOptions::new(vec![NO_KAFKA.to_owned()], String::new()),
            lanes: LaneOptions::default(),
            database_url: database.urls().runtime.clone(),
            address: String::new(),
        };
        let registered = Registered::register(bootstrap::wiring(), options).await.unwrap();
        let handler = Listening::new(Loyalty, registered.database(), registered.outbox());
        Self { database, handler }
    }

    /// As the service itself.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.database.urls().runtime).await.unwrap()
    }

    /// A batch of messages, numbered behind the watermarks.
    pub(crate) async fn batch(&self, messages: Vec<Incoming>) -> Batch<Infallible> {
        Batch::of_messages(&mut self.connect().await, LOYALTY, messages).await.unwrap()
    }

    pub(crate) async fn execute(
        &mut self,
        batch: &Batch<Infallible>,
    ) -> Result<Executed<Infallible>, ExecuteError> {
        self.handler.execute(batch).await
    }

    /// Hears all of these in one transaction.
    pub(crate) async fn hear(&mut self, messages: Vec<Incoming>) {
        let batch = self.batch(messages).await;
        self.execute(&batch).await.unwrap();
    }

    /// The one number that `sql` asks for.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.connect().await).await.unwrap()
    }

    /// The service on this database, answering over gRPC.
    pub(crate) async fn serve(&self) -> Running {
        serve(&["--database-url", &self.database.urls().runtime, "--kafka-brokers", NO_KAFKA]).await
    }
}

/// The service on free ports.
pub(crate) async fn serve(more: &[&str]) -> Running {
    let common = [
        "bowline-own-service",
        "--grpc-listen=127.0.0.1:0",
        "--http-listen=127.0.0.1:0",
        "--allow-unsafe-durability",
    ];
    let options = [&common, more].concat();
    let settings = bowline_config::parse_from(options, bootstrap::Options::check).unwrap();
    Running::start(bootstrap::start(settings).await.unwrap())
}

/// What the service answers about a customer.
pub(crate) async fn points(running: &Running, customer: &str) -> Result<GetPointsResponse, Status> {
    let request = GetPointsRequest { customer_id: customer.to_owned() };
    Ok(LoyaltyServiceClient::new(running.channel()).get_points(request).await?.into_inner())
}

pub(crate) fn new_order() -> OrderId {
    OrderId::new(SystemIds.next_id())
}

pub(crate) fn placed(order: OrderId, customer: &str, total_minor: i64) -> Incoming {
    let event = OrderPlaced {
        order_id: order.to_string(),
        customer_id: customer.to_owned(),
        total: Some(Money { currency_code: "GBP".to_owned(), amount_minor: total_minor }),
        ..OrderPlaced::default()
    };
    message(order, &event)
}

pub(crate) fn confirmed(order: OrderId) -> Incoming {
    message(order, &OrderConfirmed { order_id: order.to_string(), ..OrderConfirmed::default() })
}

pub(crate) fn cancelled(order: OrderId) -> Incoming {
    message(order, &OrderCancelled { order_id: order.to_string(), ..OrderCancelled::default() })
}

pub(crate) fn finished(order: OrderId) -> Incoming {
    message(order, &OrderFinished { order_id: order.to_string(), ..OrderFinished::default() })
}
