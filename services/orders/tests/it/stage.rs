//! A database with the tables of orders, and write sides that are driven without Kafka.

use std::num::NonZeroUsize;
use std::sync::Arc;

use bowline_contracts::events::Published;
use bowline_contracts::topics::ORDERS;
use bowline_contracts::{common, inventory};
use bowline_idempotency::{Fingerprint, Request};
use bowline_kernel::{Currency, IdSource as _, ManualClock, Money, OrderId, Quantity, RequestId, SystemIds};
use bowline_messaging::{
    Batch, ExecuteError, Executed, Handler as _, Incoming, KafkaOptions, LaneOptions, NodeOptions,
    Registered, Sequenced, Wiring,
};
use bowline_orders::app::command::{Action, Call, Command, Expiry};
use bowline_orders::app::execute::Orders;
use bowline_orders::app::reply::{Refusal, Reply};
use bowline_orders::bootstrap;
use bowline_orders_domain::{DeadlineLimits, Line, LineLimits, Lines, PlaceOrder, ProductName};
use bowline_test_support::ServiceDatabase;
use chrono::{DateTime, TimeDelta, TimeZone as _, Utc};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

/// What every order of these tests costs.
pub(crate) const TOTAL: Money = Money::new(765, Currency::GBP);
/// And how many units it has.
pub(crate) const UNITS: u64 = 3;
/// How long orders may be pending.
pub(crate) const LIMITS: DeadlineLimits = DeadlineLimits {
    stock: Some(TimeDelta::minutes(5)),
    payment: Some(TimeDelta::minutes(10)),
    saga: Some(TimeDelta::minutes(12)),
};
/// The trace that requests come with.
pub(crate) const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A database of one's own.
pub(crate) struct Stage {
    database: ServiceDatabase,
}

/// One process of the service, without its lanes.
pub(crate) struct Replica {
    orders: Orders,
    connection: PgConnection,
}

impl Stage {
    pub(crate) async fn create() -> Self {
        let database = ServiceDatabase::create(ORDERS).await;
        bowline_database::migrate(&database.urls().owner, &bootstrap::migrators()).await.unwrap();
        Self { database }
    }

    /// A process of its own, with a cache of its own.
    pub(crate) async fn replica(&self) -> Replica {
        let registered = self
            .register(bootstrap::wiring(), KafkaOptions::new(vec!["127.0.0.1:1".into()], String::new()))
            .await;
        let orders = handler(&registered, Arc::new(ManualClock::at(now())));
        let connection = PgConnection::connect(&self.database.urls().runtime).await.unwrap();
        Replica { orders, connection }
    }

    /// The lanes of a process that is to be.
    pub(crate) async fn register(&self, wiring: Wiring, kafka: KafkaOptions) -> Registered {
        let options = NodeOptions {
            kafka,
            lanes: LaneOptions::default(),
            database_url: self.database.urls().runtime.clone(),
            address: "http://127.0.0.1:1".into(),
        };
        Registered::register(wiring, options).await.unwrap()
    }

    /// Where the service itself logs in.
    pub(crate) fn url(&self) -> &str {
        &self.database.urls().runtime
    }

    /// As the role that may do anything with the tables.
    pub(crate) async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.database.urls().owner).await.unwrap()
    }

    /// The types of an order's stored events.
    pub(crate) async fn history(&self, order: OrderId) -> Vec<String> {
        sqlx::query_scalar("SELECT type FROM event_store.events WHERE stream_id = $1 ORDER BY version")
            .bind(order.uuid())
            .fetch_all(&mut self.owner().await)
            .await
            .unwrap()
    }

    /// The deadlines: order, what it waits for, fence, due time; by order.
    pub(crate) async fn deadlines(&self) -> Vec<(OrderId, i16, i32, DateTime<Utc>)> {
        let rows: Vec<(Uuid, i16, i32, DateTime<Utc>)> =
            sqlx::query_as("SELECT order_id, awaited, fence, due_at FROM orders.deadlines ORDER BY order_id")
                .fetch_all(&mut self.owner().await)
                .await
                .unwrap();
        rows.into_iter()
            .map(|(id, awaited, fence, due_at)| (OrderId::new(id), awaited, fence, due_at))
            .collect()
    }

    /// How many events, messages and answers are stored.
    pub(crate) async fn counts(&self) -> (i64, i64, i64) {
        sqlx::query_as(
            "SELECT (SELECT count(*) FROM event_store.events), (SELECT count(*) FROM messaging.outbox),
                    (SELECT count(*) FROM idempotency.keys)",
        )
        .fetch_one(&mut self.owner().await)
        .await
        .unwrap()
    }
}

impl Replica {
    /// One transaction; a failed one is discarded, as the executor does.
    pub(crate) async fn execute(&mut self, batch: &Batch<Command>) -> Result<Executed<Reply>, ExecuteError> {
        let result = self.orders.execute(batch).await;
        if result.is_err() {
            self.orders.discard();
        }
        result
    }

    pub(crate) async fn ask(&mut self, commands: Vec<Command>) -> Executed<Reply> {
        self.execute(&Batch::of_commands(commands)).await.unwrap()
    }

    /// A batch of what lanes bring next.
    pub(crate) async fn brought(&mut self, messages: Vec<Incoming>) -> Batch<Command> {
        Batch::of_messages(&mut self.connection, ORDERS, messages).await.unwrap()
    }

    /// Hears messages; what is sent in return.
    pub(crate) async fn hear(&mut self, messages: Vec<Incoming>) -> Vec<Sequenced> {
        let batch = self.brought(messages).await;
        self.execute(&batch).await.unwrap().sent
    }

    /// A statement as the service itself.
    pub(crate) async fn sql(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(statement).execute(&mut self.connection).await.map(drop)
    }

    /// Places an order of its own.
    pub(crate) async fn placed(&mut self) -> OrderId {
        let order = new_order();
        let replies = self.ask(vec![place(new_request(), order)]).await.replies;
        assert!(matches!(replies[..], [Reply::Done(_)]), "{replies:?}");
        order
    }

    /// Asks for a cancellation under an id of its own.
    pub(crate) async fn cancel(&mut self, order: OrderId) -> (Reply, Vec<Sequenced>) {
        let mut executed = self.ask(vec![cancel(new_request(), order)]).await;
        (executed.replies.remove(0), executed.sent)
    }
}

/// The write side of a replica.
pub(crate) fn handler(registered: &Registered, clock: Arc<ManualClock>) -> Orders {
    let cached_max = NonZeroUsize::new(100).unwrap();
    let (database, outbox) = (registered.database(), registered.outbox());
    Orders::new(database, outbox, clock, Arc::new(SystemIds), cached_max, LIMITS)
}

/// When everything happens.
pub(crate) fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap()
}

pub(crate) fn new_order() -> OrderId {
    OrderId::new(SystemIds.next_id())
}

pub(crate) fn new_request() -> RequestId {
    RequestId::new(SystemIds.next_id())
}

/// A request for an order of three units.
pub(crate) fn place(key: RequestId, order_id: OrderId) -> Command {
    place_as("13085", key, order_id)
}

/// As [`place`], of another customer.
pub(crate) fn place_as(customer: &str, key: RequestId, order_id: OrderId) -> Command {
    let line = Line {
        sku: "85123A".parse().unwrap(),
        name: ProductName::new("WHITE HANGING HEART"),
        quantity: Quantity::new(3).unwrap(),
        unit_price: Money::new(255, Currency::GBP),
    };
    let limits = LineLimits { lines_max: 10, quantity_max: 10 };
    let order = PlaceOrder {
        order_id,
        customer_id: customer.parse().unwrap(),
        lines: Lines::new(vec![line], limits).unwrap(),
        payment_token: "tok_secret".parse().unwrap(),
        country: Some("United Kingdom".parse().unwrap()),
        at: now(),
    };
    let request = Request { key, fingerprint: Fingerprint::of("PlaceOrder", customer.as_bytes()) };
    let action = Action::Place(Box::new(order));
    Command::Call(Call { request, order_id, traceparent: Some(TRACE.into()), action })
}

pub(crate) fn cancel(key: RequestId, order_id: OrderId) -> Command {
    let request = Request { key, fingerprint: Fingerprint::of("CancelOrder", order_id.uuid().as_bytes()) };
    Command::Call(Call { request, order_id, traceparent: None, action: Action::Cancel })
}

/// A deadline that was set for this version of the order.
pub(crate) fn expire(order_id: OrderId, fence: u32) -> Command {
    Command::Expire(Expiry { order_id, fence, traceparent: None })
}

/// A message of another service about an order.
pub(crate) fn message<M: Published>(order: OrderId, message: &M) -> Incoming {
    let mut incoming = bowline_test_support::message(order, message);
    incoming.envelope.time = now();
    incoming.envelope.traceparent = Some(TRACE.into());
    incoming
}

/// A message with any content.
pub(crate) fn raw(
    order: OrderId,
    topic: &'static bowline_contracts::topics::Topic,
    message_type: &str,
    payload: Vec<u8>,
) -> Incoming {
    let mut incoming = self::message(order, &inventory::v1::StockReserved::default());
    incoming.topic = topic;
    topic.owner.clone_into(&mut incoming.envelope.source);
    message_type.clone_into(&mut incoming.envelope.message_type);
    incoming.payload = payload.into();
    incoming
}

/// The total, as a message says it.
pub(crate) fn total() -> common::v1::Money {
    bowline_contracts::convert::money(TOTAL)
}

/// The types of messages, without their packages.
pub(crate) fn types(sent: &[Sequenced]) -> Vec<&'static str> {
    let short = |message_type: &'static str| message_type.rsplit('.').next().unwrap();
    sent.iter().map(|sequenced| short(sequenced.message.message_type)).collect()
}

/// The refusal that a reply is.
#[track_caller]
pub(crate) fn refusal(reply: Reply) -> Refusal {
    match reply {
        Reply::Refused(refusal) => refusal,
        other => panic!("expected a refusal, got {other:?}"),
    }
}
