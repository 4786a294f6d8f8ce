//! A database, a provider, and what a test needs to play both of their neighbours.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use bowline_contracts::events::PaymentEvent;
use bowline_contracts::topics::PARTITIONS;
use bowline_database::{ConnectOptions, Database, Profile};
use bowline_kernel::{OrderId, SystemClock, SystemIds};
use bowline_messaging::{
    Batch, ExecuteError, Handler as _, Incoming, KafkaOptions, LaneOptions, Node, NodeOptions, Owned,
    Registered,
};
use bowline_payment::app::execute::{HandlerParts, PaymentHandler};
use bowline_payment::app::queries::get_payment::{Payment, get_payment};
use bowline_payment::app::record_outcome::RecordOutcome;
use bowline_payment::bootstrap;
use bowline_payment::infra::provider::{Provider, ProviderSettings};
use bowline_payment::worker::{IntentReceiver, IntentSender, Worker, WorkerParts, WorkerSettings, intents};
use bowline_payment_domain::Status;
use bowline_payment_simulator::{BookEntry, Options, Simulator, Switches};
use bowline_resilience::{BreakerSettings, RetrySettings, Valve, ValveSettings};
use bowline_service::Service;
use bowline_test_support::{ServiceDatabase, ServiceDatabaseUrls, eventually};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bootstrap::parse;
use crate::neighbours::new_order;

/// Ends a test that hangs; no test waits for it.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);

/// A database and a provider.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) database: Database,
    urls: ServiceDatabase,
    _books: TempDir,
}

/// An executor in the hands of the test.
pub(crate) struct Replica {
    pub(crate) handler: PaymentHandler,
    database: Database,
}

/// An executor of its own accord with a worker, on the partitions that the test gives it.
pub(crate) struct Running {
    pub(crate) intents: IntentSender,
    pub(crate) owned: watch::Sender<Owned>,
    pub(crate) valve: Valve,
    stop: CancellationToken,
    worker: JoinSet<()>,
    node: Node<RecordOutcome, ()>,
}

impl Stage {
    pub(crate) async fn new(switches: Switches) -> Self {
        let urls = ServiceDatabase::create("payment").await;
        bowline_database::migrate(&urls.urls().owner, &bootstrap::migrators()).await.unwrap();
        let books = tempfile::tempdir().unwrap();
        let options = Options { switches, sync: false, ..Options::new(books.path()) };
        let simulator = Simulator::start(options).await.unwrap();
        let database = Database::open(&ConnectOptions {
            url: urls.urls().runtime.clone(),
            application: "test",
            connections_max: 4,
            acquire_timeout: DEADLINE,
            profile: Profile::Query,
        })
        .unwrap();
        Self { simulator, database, urls, _books: books }
    }

    /// Payment hears these of a new order one after the other, each when the one before has come to its status, and stops.
    pub(crate) async fn after<const N: usize>(
        switches: Switches,
        steps: impl FnOnce(OrderId) -> [(Incoming, Status); N],
    ) -> (Self, OrderId) {
        let stage = Self::new(switches).await;
        let running = stage.running().await;
        let mut replica = stage.replica(running.intents.clone()).await;
        let order = new_order();
        for (message, status) in steps(order) {
            replica.hear(vec![message]).await;
            stage.settled(order, status).await;
        }
        running.stop().await;
        (stage, order)
    }

    /// The whole service on this database, with free ports.
    pub(crate) async fn service(&self, more: &[&str]) -> Service {
        let common = [
            "--grpc-listen=127.0.0.1:0",
            "--http-listen=127.0.0.1:0",
            "--allow-unsafe-durability",
            "--database-url",
            &self.urls().runtime,
        ];
        bootstrap::start(parse(&[&common, more].concat()).unwrap()).await.unwrap()
    }

    /// An executor that hands what it opens to `intents`.
    pub(crate) async fn replica(&self, intents: IntentSender) -> Replica {
        let registered = self.registered().await;
        Replica { database: registered.database(), handler: handler(&registered, intents) }
    }

    /// An executor whose operations nobody works on: the process dies right after the commit.
    pub(crate) async fn doomed_replica(&self) -> Replica {
        let (sender, _gone) = intents();
        self.replica(sender).await
    }

    /// An executor and a worker that holds every partition.
    pub(crate) async fn running(&self) -> Running {
        self.running_with(|_| {}).await
    }

    pub(crate) async fn running_with(&self, change: impl FnOnce(&mut WorkerSettings)) -> Running {
        let (sender, receiver) = intents();
        let registered = self.registered().await;
        let handler = handler(&registered, sender.clone());
        let node = registered.start(handler).unwrap();
        let (owned, holds) = watch::channel(all_partitions(1));
        let mut settings = settings();
        change(&mut settings);
        let parts = self.parts(&node, holds, receiver);
        let stop = CancellationToken::new();
        let (working, stopped) = (Worker::new(settings, parts), stop.clone());
        let valve = working.valve();
        let mut worker = JoinSet::new();
        worker.spawn(async move { working.run(stopped).await.unwrap() });
        Running { intents: sender, owned, valve, stop, worker, node }
    }

    fn parts(
        &self,
        node: &Node<RecordOutcome, ()>,
        owned: watch::Receiver<Owned>,
        intents: IntentReceiver,
    ) -> WorkerParts {
        let (provider, database) = (self.provider(), self.database.clone());
        WorkerParts { provider, database, commands: node.commands(), owned, intents }
    }

    /// A client of the provider that loses patience soon.
    pub(crate) fn provider(&self) -> Provider {
        self.provider_at(&self.simulator.url())
    }

    #[expect(clippy::unused_self, reason = "beside `provider`, whose settings it has")]
    pub(crate) fn provider_at(&self, url: &str) -> Provider {
        let url = url.parse().unwrap();
        let settings = ProviderSettings { url, timeout: Duration::from_millis(300), concurrency: 16 };
        Provider::new(&settings).unwrap()
    }

    /// Kafka is away, which must not stop anybody.
    async fn registered(&self) -> Registered {
        let options = NodeOptions {
            kafka: KafkaOptions::new(vec!["127.0.0.1:1".into()], bowline_test_support::namespace()),
            lanes: LaneOptions::default(),
            database_url: self.urls().runtime.clone(),
            address: "127.0.0.1:0".into(),
        };
        Registered::register(bootstrap::wiring(), options).await.unwrap()
    }

    pub(crate) fn urls(&self) -> &ServiceDatabaseUrls {
        self.urls.urls()
    }

    pub(crate) async fn payment(&self, order: OrderId) -> Option<Payment> {
        get_payment(&self.database, order).await.unwrap()
    }

    /// Waits until the payment has this status and nothing is open for it any more.
    pub(crate) async fn settled(&self, order: OrderId, status: Status) -> Payment {
        eventually(&format!("{order} is {status:?}"), DEADLINE, async || {
            let payment = self.payment(order).await?;
            let open = self.open_operations(order).await;
            (payment.state.status() == Some(status) && open == 0).then_some(payment)
        })
        .await
    }

    pub(crate) async fn open_operations(&self, order: OrderId) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM payment.operations WHERE order_id = $1")
            .bind(order.uuid())
            .fetch_one(&mut *self.database.acquire().await.unwrap())
            .await
            .unwrap()
    }

    /// What payment has told the world about an order, oldest first.
    pub(crate) async fn told(&self, order: OrderId) -> Vec<PaymentEvent> {
        let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
            "SELECT message_type, payload FROM messaging.outbox WHERE key = $1 ORDER BY sequence",
        )
        .bind(order.uuid())
        .fetch_all(&mut *self.database.acquire().await.unwrap())
        .await
        .unwrap();
        rows.iter()
            .map(|(message_type, payload)| PaymentEvent::decode(message_type, payload).unwrap().unwrap())
            .collect()
    }

    /// The charges in the provider's books for an order.
    pub(crate) async fn charges(&self, order: OrderId) -> Vec<BookEntry> {
        let books = self.simulator.books().await.unwrap();
        let ours = |entry: &BookEntry| entry.charge.merchant_reference == order.to_string();
        books.into_iter().filter(ours).collect()
    }

    /// The one charge of an order: held, settled and released in pence, and how many operations it took.
    pub(crate) async fn only_charge(&self, order: OrderId) -> ([u64; 3], usize) {
        let charges = self.charges(order).await;
        assert_eq!(charges.len(), 1, "{charges:?}");
        let charge = &charges[0].charge;
        let amounts = [charge.held, charge.settled, charge.released];
        (amounts.map(bowline_payment_simulator::Amount::minor), charges[0].operations.len())
    }
}

impl Replica {
    /// Executes messages in one batch, in this order.
    pub(crate) async fn hear(&mut self, messages: Vec<Incoming>) {
        self.try_hear(messages).await.unwrap();
    }

    pub(crate) async fn try_hear(&mut self, messages: Vec<Incoming>) -> Result<(), ExecuteError> {
        let mut connection = self.database.acquire().await.unwrap();
        let batch = Batch::of_messages(&mut connection, "payment", messages).await.unwrap();
        self.execute(&batch).await
    }

    pub(crate) async fn record(&mut self, outcomes: Vec<RecordOutcome>) {
        self.execute(&Batch::of_commands(outcomes)).await.unwrap();
    }

    async fn execute(&mut self, batch: &Batch<RecordOutcome>) -> Result<(), ExecuteError> {
        let executed = self.handler.execute(batch).await;
        if executed.is_err() {
            self.handler.discard();
        }
        executed.map(|_| ())
    }
}

impl Running {
    /// Stops the worker, then the executor, as the service does.
    pub(crate) async fn stop(mut self) {
        self.stop.cancel();
        self.worker.join_next().await.unwrap().unwrap();
        self.node.drain(Duration::from_secs(5)).await;
    }
}

/// Every partition, under this epoch.
pub(crate) fn all_partitions(epoch: i64) -> Owned {
    (0..PARTITIONS).map(|partition| (partition, epoch)).collect()
}

fn handler(registered: &Registered, intents: IntentSender) -> PaymentHandler {
    PaymentHandler::new(HandlerParts {
        database: registered.database(),
        outbox: registered.outbox(),
        payments_cached_max: NonZeroUsize::new(1_000).unwrap(),
        // Small, so that every test that begins a second executor reads some.
        snapshot_every: NonZeroU32::new(2).unwrap(),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        intents,
    })
}

/// Quick, because the provider of a test is near.
fn settings() -> WorkerSettings {
    let ms = Duration::from_millis;
    WorkerSettings {
        concurrency: 16,
        in_hand_max: 1_000,
        sweep_interval: Duration::from_hours(1),
        retry: RetrySettings { attempts_max: None, backoff_min: ms(1), backoff_max: ms(20) },
        breaker: BreakerSettings { open_time: ms(50), ..BreakerSettings::default() },
        valve: ValveSettings { rate_min: 1_000.0, ..ValveSettings::default() },
        alert_pause: Duration::from_hours(1),
        drain_timeout: Duration::from_secs(5),
    }
}
