//! Two services with databases and topics of their own: `orders` speaks, `inventory` listens.

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_contracts::partition;
use bowline_contracts::topics::{INVENTORY, INVENTORY_EVENTS, ORDERS, ORDERS_EVENTS, PARTITIONS, Topic};
use bowline_database::{ConnectOptions, Database, Fault, Profile, Transaction};
use bowline_kernel::{IdSource as _, SystemIds};
use bowline_messaging::{
    Commands, Failovers, KafkaOptions, LaneOptions, LaneReadError, LaneReader, MIGRATOR, Node, NodeOptions,
    Outbox, Outgoing, Registered, Sequenced, Wiring, incarnation,
};
use bowline_test_support::{Replicated, ServiceDatabase, ServiceDatabaseUrls, eventually, namespace, stack};
use bytes::Bytes;
use chrono::DateTime;
use sqlx::postgres::PgRow;
use sqlx::{Connection as _, FromRow, PgConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::ledger::{Ask, Ledger, Script};
use crate::wiring;

/// How many partitions there are.
pub(crate) const ALL: usize = PARTITIONS as usize;

/// Ends a run that hangs; no test is right or wrong by it.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// The type of the messages of these tests.
pub(crate) const SAID: &str = "bowline.test.v1.Said";

const SCHEMA: &str = "CREATE SCHEMA it;
    CREATE TABLE it.applied (
        place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        partition smallint NOT NULL, source text NOT NULL, sequence bigint NOT NULL, key uuid NOT NULL);
    GRANT USAGE ON SCHEMA it TO bowline_service;
    GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA it TO bowline_service";

/// A service's database with the tables of the lanes and of these tests.
pub(crate) struct Service {
    /// Dropped with it.
    _database: Option<ServiceDatabase>,
    urls: ServiceDatabaseUrls,
    name: &'static str,
    /// Asked again and again: a login for each question would keep the server from everything else.
    looking: Mutex<Option<PgConnection>>,
}

/// A running replica and what its handler is told to do wrong.
pub(crate) struct Replica {
    pub(crate) node: Node<Ask, i64>,
    pub(crate) commands: Commands<Ask, i64>,
    pub(crate) script: Script,
}

impl Service {
    pub(crate) async fn create(name: &'static str) -> Self {
        Self::of(ServiceDatabase::create(name).await, name).await
    }

    /// `orders`, on the primary of these servers.
    pub(crate) async fn orders_on(servers: &Replicated) -> Self {
        Self::of(servers.service_database(ORDERS).await, ORDERS).await
    }

    /// The same service, on the standby of these servers.
    pub(crate) fn on_standby(&self, servers: &Replicated) -> Self {
        Self {
            _database: None,
            urls: servers.on_standby(&self.urls),
            name: self.name,
            looking: Mutex::default(),
        }
    }

    async fn of(database: ServiceDatabase, name: &'static str) -> Self {
        let urls = database.urls().clone();
        patiently("the tables are made", async || {
            bowline_database::migrate(&urls.owner, &[("messaging", &MIGRATOR)]).await
        })
        .await;
        let this = Self { _database: Some(database), urls, name, looking: Mutex::default() };
        sqlx::raw_sql(SCHEMA).execute(&mut this.owner().await).await.unwrap();
        this
    }

    /// The one that speaks.
    pub(crate) async fn orders() -> Self {
        Self::create(ORDERS).await
    }

    /// The one that listens to `orders`.
    pub(crate) async fn inventory() -> Self {
        Self::create(INVENTORY).await
    }

    /// As the role that may do anything with the tables.
    pub(crate) async fn owner(&self) -> PgConnection {
        log_in(&self.urls.owner).await
    }

    /// As the service itself.
    pub(crate) async fn connect(&self) -> PgConnection {
        log_in(&self.urls.runtime).await
    }

    /// A pool as the service itself has it.
    pub(crate) fn open(&self) -> Database {
        Database::open(&ConnectOptions {
            url: self.urls.runtime.clone(),
            application: self.name,
            connections_max: 16,
            acquire_timeout: PATIENCE,
            profile: Profile::Hot,
        })
        .unwrap()
    }

    pub(crate) fn wiring(&self) -> Wiring {
        if self.name == ORDERS {
            let own = vec![&ORDERS_EVENTS];
            return Wiring {
                source: ORDERS,
                owns: own.clone(),
                sends: own,
                hears: Vec::new(),
                derived: false,
            };
        }
        wiring::inventory()
    }

    pub(crate) async fn register(&self, kafka: &KafkaOptions, lanes: LaneOptions) -> Registered {
        self.register_as(self.wiring(), kafka, lanes).await
    }

    pub(crate) async fn register_as(
        &self,
        wiring: Wiring,
        kafka: &KafkaOptions,
        lanes: LaneOptions,
    ) -> Registered {
        // Nobody is there, but each has its own.
        self.register_at(format!("{}:50051", SystemIds.next_id()), wiring, kafka, lanes).await
    }

    async fn register_at(
        &self,
        address: String,
        wiring: Wiring,
        kafka: &KafkaOptions,
        lanes: LaneOptions,
    ) -> Registered {
        let database_url = self.urls.runtime.clone();
        let options = NodeOptions { kafka: kafka.clone(), lanes, database_url, address };
        patiently("the service registers", async || {
            Registered::register(wiring.clone(), options.clone()).await
        })
        .await
    }

    pub(crate) async fn start(&self, kafka: &KafkaOptions, lanes: LaneOptions) -> Replica {
        self.run(self.register(kafka, lanes).await)
    }

    /// Starts a replica that says that it is at `address`.
    pub(crate) async fn start_at(&self, address: &str, kafka: &KafkaOptions, lanes: LaneOptions) -> Replica {
        self.run(self.register_at(address.to_owned(), self.wiring(), kafka, lanes).await)
    }

    fn run(&self, registered: Registered) -> Replica {
        let script = Script::default();
        let topic = self.wiring().sends[0];
        let ledger = Ledger::new(registered.database(), registered.outbox(), topic, script.clone());
        let node = registered.start(ledger).unwrap();
        Replica { commands: node.commands(), node, script }
    }

    /// The sequences applied of each lane, in the order of their application.
    pub(crate) async fn applied(&self) -> BTreeMap<i16, Vec<i64>> {
        let rows: Vec<(i16, i64)> =
            self.look("SELECT partition, sequence FROM it.applied ORDER BY place").await;
        let mut applied = BTreeMap::new();
        for (partition, sequence) in rows {
            applied.entry(partition).or_insert_with(Vec::new).push(sequence);
        }
        applied
    }

    /// Waits until so many messages are applied; returns them.
    pub(crate) async fn applies(&self, count: usize) -> BTreeMap<i16, Vec<i64>> {
        eventually(&format!("{count} messages are applied"), PATIENCE, async || {
            let applied = self.applied().await;
            (applied.values().map(Vec::len).sum::<usize>() >= count).then_some(applied)
        })
        .await
    }

    /// One number from the database.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        let (number,) = self.look(sql).await[0];
        number
    }

    async fn look<R>(&self, sql: &'static str) -> Vec<R>
    where
        R: for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        let mut looking = self.looking.lock().await;
        // Some tests end every session: then the next one must do.
        if let Some(mut session) = looking.take()
            && let Ok(rows) = sqlx::query_as(sql).fetch_all(&mut session).await
        {
            *looking = Some(session);
            return rows;
        }
        let rows = sqlx::query_as(sql).fetch_all(looking.insert(self.connect().await)).await;
        rows.unwrap()
    }

    /// Waits until a query answers with this number.
    pub(crate) async fn number_becomes(&self, sql: &'static str, expected: i64) {
        eventually(sql, PATIENCE, async || (self.number(sql).await == expected).then_some(())).await;
    }
}

impl Replica {
    /// Sends messages about `keys` and waits for their commit.
    pub(crate) async fn say(&self, keys: impl IntoIterator<Item = Uuid>) {
        for key in keys {
            self.commands.execute(Ask::Say(key)).await.unwrap();
        }
    }

    /// What reads again what it has sent. The database has let it in: on a machine that is busy with other tests that may
    /// take longer than a reader waits.
    pub(crate) async fn lane_reader(&self) -> LaneReader {
        let reader = self.node.lane_reader();
        eventually("the reader is let in", PATIENCE, async || {
            match reader.heads(ORDERS_EVENTS.name, &[0]).await {
                Err(LaneReadError::Failed(error)) if error.fault() == Fault::Unavailable => None,
                heads => Some(heads.unwrap()),
            }
        })
        .await;
        reader
    }

    pub(crate) fn owned_count(&self) -> usize {
        self.node.owned().borrow().len()
    }

    /// Waits until so many partitions are owned.
    pub(crate) async fn owns(&self, count: usize) {
        let mut owned = self.node.owned();
        tokio::time::timeout(PATIENCE, owned.wait_for(|owned| owned.len() == count)).await.unwrap().unwrap();
    }

    /// Waits until something stands under `stopped` or `gaps`, and returns both.
    pub(crate) async fn troubles(&self) -> bowline_messaging::Troubles {
        let mut troubles = self.node.troubles();
        let some = troubles.wait_for(|troubles| *troubles != bowline_messaging::Troubles::default());
        tokio::time::timeout(PATIENCE, some).await.unwrap().unwrap().clone()
    }

    /// Waits until so many lanes have stopped, and returns why.
    pub(crate) async fn stops(&self, count: usize) -> Vec<String> {
        let mut troubles = self.node.troubles();
        let stopped = troubles.wait_for(|troubles| troubles.stopped.len() == count);
        tokio::time::timeout(PATIENCE, stopped).await.unwrap().unwrap().stopped.clone()
    }

    /// Waits until it has counted so many failovers, which is done behind the commit that others see.
    pub(crate) async fn counts(&self, expected: Failovers) {
        let mut failovers = self.node.failovers();
        let counted =
            tokio::time::timeout(PATIENCE, failovers.wait_for(|counted| *counted == expected)).await;
        assert!(counted.is_ok(), "{:?} instead of {expected:?}", self.node.failovers().borrow());
    }

    /// Waits until there are none.
    pub(crate) async fn has_no_troubles(&self) {
        let mut troubles = self.node.troubles();
        let none = troubles.wait_for(|troubles| *troubles == bowline_messaging::Troubles::default());
        tokio::time::timeout(PATIENCE, none).await.unwrap().unwrap();
    }

    pub(crate) async fn drain(self) {
        self.node.drain(PATIENCE).await;
    }
}

async fn log_in(url: &str) -> PgConnection {
    patiently("the database lets somebody in", async || PgConnection::connect(url).await).await
}

/// A machine that is busy with other tests may take longer to let somebody in than the server, or a service, waits.
async fn patiently<T, E>(what: &str, mut done: impl AsyncFnMut() -> Result<T, E>) -> T
where
    bowline_messaging::Error: std::convert::From<E>,
{
    eventually(what, PATIENCE, async || match done().await.map_err(bowline_messaging::Error::from) {
        Err(error) if error.fault() == Fault::Unavailable => None,
        done => Some(done.unwrap()),
    })
    .await
}

/// The shared Kafka, with topics that no other test has.
pub(crate) async fn kafka() -> KafkaOptions {
    KafkaOptions::new(vec![stack().await.kafka_brokers.clone()], namespace())
}

/// Leases that do not run out while a loaded machine takes its time.
pub(crate) fn steady() -> LaneOptions {
    LaneOptions {
        lease_ttl: Duration::from_secs(20),
        lease_renewal: Duration::from_millis(100),
        head_announcement_after: Duration::from_millis(300),
        ..LaneOptions::default()
    }
}

/// Leases of somebody who may vanish.
pub(crate) fn mortal() -> LaneOptions {
    LaneOptions { lease_ttl: Duration::from_secs(2), ..steady() }
}

/// The key number `number`, the same in every run.
pub(crate) fn key(number: u64) -> Uuid {
    Uuid::from_u64_pair(0x0190_0000_0000_7000, 0x8000_0000_0000_0000 | number)
}

/// The `nth` key of a partition.
pub(crate) fn key_in(partition: u16, nth: usize) -> Uuid {
    (0..).map(key).filter(|key| partition::of_key(*key, PARTITIONS) == partition).nth(nth).unwrap()
}

/// A message about `key`.
pub(crate) fn message(topic: &'static Topic, key: Uuid) -> Outgoing {
    Outgoing {
        topic,
        key,
        partition: partition::of_key(key, topic.partitions),
        id: key,
        message_type: SAID,
        time: DateTime::UNIX_EPOCH,
        causation: None,
        traceparent: None,
        payload: Bytes::from_static(b"said"),
    }
}

/// Begins a transaction that waits for locks and for its own test as long as a busy machine takes.
pub(crate) async fn begin(database: &Database) -> Transaction {
    let mut transaction = database.begin().await.unwrap();
    let patience = "SELECT set_config(name, '0', true)
                      FROM unnest('{lock_timeout,idle_in_transaction_session_timeout}'::text[]) name";
    sqlx::query(patience).execute(&mut *transaction).await.unwrap();
    transaction
}

/// Appends messages about `keys` in a transaction of their own.
pub(crate) async fn append(database: &Database, outbox: &Outbox, keys: &[Uuid]) -> Vec<Sequenced> {
    let mut transaction = begin(database).await;
    let messages = keys.iter().map(|key| message(&ORDERS_EVENTS, *key)).collect();
    let sequenced = outbox.append(&mut transaction, messages).await.unwrap();
    transaction.commit().await.unwrap();
    sequenced
}

/// The lanes of `orders` in a database in which no replica runs.
pub(crate) async fn outbox(database: &Database) -> Outbox {
    let mut transaction = database.begin().await.unwrap();
    let outbox =
        Outbox::register(&mut transaction, &[&ORDERS_EVENTS, &INVENTORY_EVENTS], 1 << 20).await.unwrap();
    incarnation::ensure(&mut transaction, &SystemIds).await.unwrap();
    transaction.commit().await.unwrap();
    outbox
}

/// Whether every lane was applied from 1 on, each sequence once and in order.
pub(crate) fn in_order(applied: &BTreeMap<i16, Vec<i64>>) -> bool {
    applied.values().all(|sequences| sequences.iter().copied().eq(1..=sequences.len().cast_signed() as i64))
}
