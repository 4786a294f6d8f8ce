//! An executor on a database of its own, driven batch by batch, and messages to give to it.

use std::sync::Arc;

use bowline_contracts::common::v1::Money;
use bowline_contracts::envelope::Envelope;
use bowline_contracts::events::{InventoryEvent, Published};
use bowline_contracts::inventory::v1::{ReleaseStock, RestockOrder, SkuQuantity};
use bowline_contracts::orders::v1::{OrderConfirmed, OrderLine, OrderPlaced};
use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_idempotency::{Fingerprint, Request};
use bowline_inventory::{Action, Command, Inventory, Reply, bootstrap};
use bowline_inventory_domain::{AdjustStock, Adjustment, Product};
use bowline_kernel::{Currency, IdSource, ManualClock, RequestId, SequentialIds, SystemIds};
use bowline_messaging::{
    Batch, ExecuteError, Executed, Handler, Incoming, KafkaOptions, LaneOptions, NodeOptions, Registered,
};
use bowline_test_support::ServiceDatabase;
use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

/// An executor without lanes' machinery around it.
pub(crate) struct Stage {
    database: ServiceDatabase,
    pub(crate) handler: Inventory,
}

/// What one batch has led to.
pub(crate) struct Led {
    pub(crate) replies: Vec<Reply>,
    pub(crate) events: Vec<InventoryEvent>,
    pub(crate) executed: Executed<()>,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let database = migrated().await;
        let handler = executor(&database).await;
        Self { database, handler }
    }

    /// A stage whose catalogue holds these SKUs, with so many available units.
    pub(crate) async fn with_stock(stock: &[(&str, i64)]) -> Self {
        let mut stage = Self::new().await;
        let skus: Vec<&str> = stock.iter().map(|(sku, _)| *sku).collect();
        let filled: Vec<_> = stock.iter().filter(|(_, units)| *units != 0).copied().collect();
        stage.command(vec![upsert(&skus)]).await.unwrap();
        stage.command(vec![adjust(&filled)]).await.unwrap();
        stage
    }

    /// A second executor on the same database, as another replica has one.
    pub(crate) async fn replica(&self) -> Inventory {
        executor(&self.database).await
    }

    /// Executes a batch of commands.
    pub(crate) async fn command(&mut self, commands: Vec<Command>) -> Result<Led, ExecuteError> {
        execute(&mut self.handler, &Batch::of_commands(commands)).await
    }

    /// Executes a batch of messages that continue their lanes.
    pub(crate) async fn hear(&mut self, messages: Vec<Incoming>) -> Result<Led, ExecuteError> {
        let batch = self.batch(messages).await;
        execute(&mut self.handler, &batch).await
    }

    /// A batch of messages that continue their lanes.
    pub(crate) async fn batch(&self, messages: Vec<Incoming>) -> Batch<Command> {
        Batch::of_messages(&mut self.connect().await, "inventory", messages).await.unwrap()
    }

    /// A connection with the rights of the service.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.database.urls().runtime).await.unwrap()
    }

    /// Statements of the owner, such as those that spoil a table.
    pub(crate) async fn as_owner(&self, sql: &str) {
        let mut owner = PgConnection::connect(&self.database.urls().owner).await.unwrap();
        owner.execute(AssertSqlSafe(sql)).await.unwrap();
    }

    /// The stored level: available, reserved, sold.
    pub(crate) async fn level(&self, sku: &str) -> (i64, i64, i64) {
        sqlx::query_as("SELECT available, reserved, sold FROM inventory.levels WHERE sku = $1")
            .bind(sku)
            .fetch_one(&mut self.connect().await)
            .await
            .unwrap()
    }

    /// The one number that `sql` asks for.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.connect().await).await.unwrap()
    }

    /// SKUs whose movements do not add up to their level, in either direction.
    pub(crate) async fn imbalances(&self) -> i64 {
        self.number(
            "SELECT count(*) FROM inventory.levels l
               FULL JOIN (SELECT sku, sum(available_delta) a, sum(reserved_delta) r, sum(sold_delta) s
                            FROM inventory.movements GROUP BY sku) m USING (sku)
              WHERE (l.available, l.reserved, l.sold)
                    IS DISTINCT FROM (coalesce(m.a, 0), coalesce(m.r, 0), coalesce(m.s, 0))",
        )
        .await
    }

    /// The state of an order's reservation; `None` when nothing is stored.
    pub(crate) async fn state(&self, order: Uuid) -> Option<String> {
        sqlx::query_scalar("SELECT state FROM inventory.reservations WHERE order_id = $1")
            .bind(order)
            .fetch_optional(&mut self.connect().await)
            .await
            .unwrap()
    }
}

/// Executes a batch; after an error the executor is told to forget it, as the node does.
pub(crate) async fn execute(handler: &mut Inventory, batch: &Batch<Command>) -> Result<Led, ExecuteError> {
    match handler.execute(batch).await {
        Ok(Executed { replies, sent, admission }) => {
            let event = |message: &bowline_messaging::Outgoing| {
                InventoryEvent::decode(message.message_type, &message.payload).unwrap().unwrap()
            };
            let events = sent.iter().map(|sequenced| event(&sequenced.message)).collect();
            let executed = Executed { replies: Vec::new(), sent, admission };
            Ok(Led { replies, events, executed })
        }
        Err(error) => {
            handler.discard();
            Err(error)
        }
    }
}

/// A database with the roles of production and every migration.
pub(crate) async fn migrated() -> ServiceDatabase {
    let database = ServiceDatabase::create("inventory").await;
    bowline_database::migrate(&database.urls().owner, &bootstrap::migrators()).await.unwrap();
    database
}

async fn executor(database: &ServiceDatabase) -> Inventory {
    let options = NodeOptions {
        kafka: KafkaOptions::new(vec!["127.0.0.1:1".into()], String::new()),
        lanes: LaneOptions::default(),
        database_url: database.urls().runtime.clone(),
        address: "test".into(),
    };
    let registered = Registered::register(bootstrap::wiring(), options).await.unwrap();
    let clock = Arc::new(ManualClock::at(noon()));
    // Ids of a replica of its own must differ, so they are those of the machine.
    Inventory::new(registered.database(), registered.outbox(), clock, Arc::new(SystemIds))
}

/// When everything happens.
pub(crate) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

/// An order id that is the same in every run.
pub(crate) fn order(number: u64) -> Uuid {
    Uuid::from_u64_pair(0x7000, 0x8000_0000_0000_0000 | number)
}

/// A message as the consumer hands it over.
pub(crate) fn incoming<M: Published>(order: Uuid, message: &M) -> Incoming {
    static IDS: std::sync::LazyLock<SequentialIds> = std::sync::LazyLock::new(SequentialIds::default);
    Incoming {
        input: 0,
        topic: M::topic(),
        partition: partition::of_key(order, PARTITIONS),
        offset: 0,
        key: order,
        envelope: Envelope {
            id: IDS.next_id(),
            source: "orders".into(),
            message_type: M::TYPE.into(),
            time: noon(),
            sequence: 0,
            incarnation: Uuid::from_u128(1),
            causation: None,
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        },
        payload: message.encode_to_vec().into(),
    }
}

/// `OrderPlaced` with these quantities, for 12.34 GBP.
pub(crate) fn placed(order: Uuid, lines: &[(&str, u32)]) -> Incoming {
    incoming(order, &order_placed(order, lines))
}

/// The payload of [`placed`].
pub(crate) fn order_placed(order: Uuid, lines: &[(&str, u32)]) -> OrderPlaced {
    let line = |(sku, quantity): &(&str, u32)| OrderLine {
        sku: (*sku).into(),
        quantity: *quantity,
        ..OrderLine::default()
    };
    OrderPlaced {
        order_id: order.to_string(),
        lines: lines.iter().map(line).collect(),
        total: Some(total()),
        payment_token: "tok_visa".into(),
        ..OrderPlaced::default()
    }
}

/// What every order costs.
pub(crate) fn total() -> Money {
    Money { currency_code: "GBP".into(), amount_minor: 1234 }
}

pub(crate) fn confirmed(order: Uuid) -> Incoming {
    incoming(order, &OrderConfirmed { order_id: order.to_string(), ..OrderConfirmed::default() })
}

pub(crate) fn release(order: Uuid) -> Incoming {
    incoming(order, &ReleaseStock { order_id: order.to_string() })
}

pub(crate) fn restock(order: Uuid) -> Incoming {
    incoming(order, &RestockOrder { order_id: order.to_string() })
}

pub(crate) fn units(sku: &str, quantity: u32) -> SkuQuantity {
    SkuQuantity { sku: sku.into(), quantity }
}

/// `UpsertProducts` of products at one pound.
pub(crate) fn upsert(skus: &[&str]) -> Command {
    let product = |sku: &&str| {
        let price = bowline_kernel::Money::new(100, Currency::GBP);
        Product::new(sku.parse().unwrap(), *sku, price, "").unwrap()
    };
    Command { request: request(), action: Action::UpsertProducts(skus.iter().map(product).collect()) }
}

/// `AdjustStock` under a key of its own.
pub(crate) fn adjust(deltas: &[(&str, i64)]) -> Command {
    let adjustment = |(sku, delta): &(&str, i64)| Adjustment { sku: sku.parse().unwrap(), delta: *delta };
    let adjustments = AdjustStock::new(deltas.iter().map(adjustment).collect(), "delivery").unwrap();
    Command { request: request(), action: Action::AdjustStock(adjustments) }
}

fn request() -> Request {
    let key = SystemIds.next_id();
    Request { key: RequestId::new(key), fingerprint: Fingerprint::of("test", key.as_bytes()) }
}
