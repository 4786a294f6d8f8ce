//! A whole stack for one test, and what every replay must come to.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bowline_cli::fleet::{Changes, Fleet, Ground, Places};
use bowline_cli::replaying::{Replayed, place_all, place_until};
use bowline_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use bowline_contracts::orders::v1::{PlaceOrderLine, PlaceOrderRequest};
use bowline_dev_stack::{Folders, Stack, StackOptions, Surroundings};
use bowline_kernel::{IdSource as _, SystemIds};
use bowline_load::compare::compare;
use bowline_load::generator::{
    ConnectionSettings, Connections, Outcome, Pace, Progress, ReplayOptions, Snapshot, load_catalogue,
};
use bowline_load::plan::{OrderLimits, Plan};
use bowline_load::retail;
use bowline_messaging::KafkaOptions;
use bowline_prove::{Proof, check_sagas, prove, wait_until_quiet};
use bowline_test_support::{Collector, binaries, binary, eventually};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::sync::{Mutex, MutexGuard};
use tonic::transport::{Channel, Endpoint};

const SAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets/online-retail/online-retail-sample.csv");
const PROGRAMS: [&str; 6] = [
    "bowline",
    "bowline-orders",
    "bowline-inventory",
    "bowline-payment",
    "bowline-projection",
    "bowline-payment-simulator",
];
/// Has a service write down what it applies.
const RECORD: &str = "BOWLINE_RECORD_APPLIED";
/// No test is right or wrong by this: it ends one that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// Two stacks at once would only wait for each other.
static ALONE: Mutex<()> = Mutex::const_new(());

/// A running stack, and the folder that goes with it.
pub(crate) struct Bench {
    pub(crate) stack: Stack,
    pub(crate) fleet: Fleet,
    folder: KeptOnPanic,
    /// Whether the services write down what they apply.
    recording: bool,
    _alone: MutexGuard<'static, ()>,
}

/// What came of a command: its status, what it printed, and what it said beside that.
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) printed: String,
    pub(crate) said: String,
}

impl Ran {
    /// The status, and what was printed on either side.
    pub(crate) fn told(self) -> (Option<i32>, String) {
        (self.status, self.printed + &self.said)
    }
}

/// A folder that stays when the test fails: the logs are in it.
struct KeptOnPanic(Option<tempfile::TempDir>);

impl Drop for KeptOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(folder) = self.0.take()
        {
            eprintln!("the logs are below {}", folder.keep().display());
        }
    }
}

impl KeptOnPanic {
    fn path(&self) -> &Path {
        self.0.as_ref().expect("it is taken only when it is dropped").path()
    }
}

impl Bench {
    /// Starts servers, simulator and services. `switches` are the simulator's own options.
    pub(crate) async fn start(switches: &[&str]) -> Self {
        Self::start_with(switches, Vec::new()).await
    }

    /// The same, and every service writes down what it applies, so that the ledger sees in which order it was.
    pub(crate) async fn recording(switches: &[&str]) -> Self {
        Self::start_with(switches, vec![(RECORD.to_owned(), "true".to_owned())]).await
    }

    /// The same without, and every service exports the spans of every call.
    pub(crate) async fn traced(collector: &Collector) -> Self {
        let env = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint()),
            ("OTEL_TRACES_SAMPLER", "parentbased_always_on".to_owned()),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=e2e".to_owned()),
            ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
        ];
        Self::start_with(&[], env.map(|(name, value)| (name.to_owned(), value)).to_vec()).await
    }

    /// The same, with these variables for every service.
    pub(crate) async fn start_with(switches: &[&str], env: Vec<(String, String)>) -> Self {
        let recording = env.iter().any(|(name, _)| name == RECORD);
        let (programs, alone) = programs().await;
        let folder = KeptOnPanic(Some(open_folder()));
        // Where `bowline check` looks for it.
        let state = folder.path().join("up");
        let stack = Stack::start(StackOptions::new(folders(state))).await.expect("the stack starts");
        let brokers = stack.kafka().brokers().split(',').map(str::to_owned).collect();
        let ground = Ground {
            programs,
            name_prefix: "",
            databases: stack.databases().clone(),
            kafka: KafkaOptions::new(brokers, String::new()),
            places: Places::take(&stack).expect("there are free ports"),
            switches: switches.iter().map(|&switch| switch.to_owned()).collect(),
            changes: Changes { env, ..Changes::default() },
        };
        let fleet = Fleet::start(&stack, ground).await.expect("the services start");
        fleet.publish(&stack).expect("the description can be written");
        Self { stack, fleet, folder, recording, _alone: alone }
    }

    /// The folder for `--stack-dir`.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self, service: &str) -> String {
        self.fleet.ground.places.grpc_url(service)
    }

    pub(crate) fn channel(&self, service: &str) -> Channel {
        channel(self.url(service))
    }

    pub(crate) fn orders(&self) -> OrdersServiceClient<Channel> {
        OrdersServiceClient::new(self.channel("orders"))
    }

    /// Enters catalogue and stock of a plan.
    pub(crate) async fn load(&self, plan: &Plan) {
        let inventory = connections([self.url("inventory")]);
        load_catalogue(plan, &inventory, SystemIds.next_id(), PATIENCE, &Progress::default())
            .await
            .expect("the catalogue is loaded");
    }

    /// Places all orders of a plan on the only replica of orders and follows them to their ends.
    pub(crate) async fn replay(&self, plan: &Plan, pace: Pace, progress: &Progress) -> Outcome {
        self.replay_over(&connections([self.url("orders")]), plan, pace, progress).await
    }

    /// The same over connections of the caller's own, to several replicas for example.
    pub(crate) async fn replay_over(
        &self,
        orders: &Connections,
        plan: &Plan,
        pace: Pace,
        progress: &Progress,
    ) -> Outcome {
        let options = ReplayOptions { run_id: SystemIds.next_id(), pace, stall_after: PATIENCE };
        let replayed = place_all(plan, orders, &self.fleet.ground.kafka, &options, progress)
            .await
            .expect("the topic of orders' events can be read");
        finished(replayed)
    }

    /// The same with the orders of the plan again and again, until `enough` ends.
    pub(crate) async fn replay_until<const N: usize>(
        &self,
        orders: [String; N],
        plan: &Plan,
        pace: Pace,
        progress: &Progress,
        enough: impl Future<Output = ()>,
    ) -> Outcome {
        let options = ReplayOptions { run_id: SystemIds.next_id(), pace, stall_after: PATIENCE };
        let kafka = &self.fleet.ground.kafka;
        let replayed = place_until(plan, &connections(orders), kafka, &options, progress, enough)
            .await
            .expect("the topic of orders' events can be read");
        finished(replayed)
    }

    /// The ledger of the stack at rest.
    pub(crate) async fn prove(&self) -> Proof {
        let access = self.fleet.ground.access().expect("every service has a database");
        let quiet = wait_until_quiet(&access, PATIENCE).await.expect("the databases can be read");
        if let Err(busy) = quiet {
            panic!("the stack does not come to rest: {busy}");
        }
        let proof = prove(&access).await.expect("the ledger can be drawn up");
        let in_order = "every message was applied once and in the order of its lane";
        let recorded = proof.invariants.iter().any(|invariant| invariant.name == in_order);
        assert_eq!(recorded, self.recording);
        proof
    }

    /// Checks that every order of the plan came to the end that it must come to, and that all books agree: with the
    /// plan, with each other, and with what the answers and events said. `others` orders were placed beside the plan;
    /// none of them is confirmed.
    pub(crate) async fn settle(&self, plan: &Plan, outcome: &Outcome, others: u64) -> Proof {
        let proof = self.prove().await;
        assert_holds(&proof);
        let access = self.fleet.ground.access().expect("every service has a database");
        let sagas = check_sagas(&access).await.expect("the topics can be read");
        assert!(sagas.checked > 0 && sagas.violations == 0, "{sagas:#?}");
        assert_agrees(plan, outcome, &proof, others);
        proof
    }

    /// Runs SQL as the superuser in a service's database.
    pub(crate) async fn sql(&self, service: &str, statements: impl Into<String>) {
        let mut connection = self.superuser(service).await;
        let statements = statements.into();
        sqlx::raw_sql(AssertSqlSafe(statements.as_str()))
            .execute(&mut connection)
            .await
            .unwrap_or_else(|error| panic!("{error}: {statements}"));
    }

    /// Asks for one number as the superuser in a service's database.
    pub(crate) async fn count(&self, service: &str, query: &'static str) -> i64 {
        let mut connection = self.superuser(service).await;
        sqlx::query_scalar(query).fetch_one(&mut connection).await.expect("the query is sound")
    }

    /// Asks for two numbers about `argument` as the superuser in a service's database.
    pub(crate) async fn pair(&self, service: &str, query: &'static str, argument: &str) -> (i64, i64) {
        let mut connection = self.superuser(service).await;
        let asked = sqlx::query_as(query).bind(argument).fetch_one(&mut connection).await;
        asked.expect("the query is sound")
    }

    /// Asks for one text as the superuser in a service's database.
    pub(crate) async fn text(&self, service: &str, query: &'static str) -> String {
        let mut connection = self.superuser(service).await;
        sqlx::query_scalar(query).fetch_one(&mut connection).await.expect("the query is sound")
    }

    async fn superuser(&self, service: &str) -> PgConnection {
        let mut url = self.stack.postgres().admin_url().clone();
        url.set_path(&self.stack.databases().service(service).expect("it has a database").database);
        PgConnection::connect(url.as_str()).await.expect("the superuser may enter")
    }

    /// Runs the command-line tool on this stack.
    pub(crate) fn tool(&self, arguments: &[&str]) -> Ran {
        tokio::task::block_in_place(|| {
            let output = self.tool_with(arguments).output().expect("the tool runs");
            Ran {
                status: output.status.code(),
                printed: String::from_utf8(output.stdout).expect("people read it"),
                said: String::from_utf8_lossy(&output.stderr).into_owned(),
            }
        })
    }

    /// The command-line tool on this stack, to be run.
    pub(crate) fn tool_with(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary(PROGRAMS[0]));
        command.args(arguments).arg("--stack-dir").arg(self.folder()).env("COLUMNS", "200");
        command
    }

    /// Kills a process with SIGKILL and waits until its successor is ready.
    pub(crate) async fn kill(&self, name: &str, ready_url: &str) {
        let supervisor = self.stack.supervisor();
        let killed = supervisor.kill(name).await.expect("it is known");
        assert!(killed.is_some(), "{name} did not run");
        supervisor.wait_ready(name, ready_url, PATIENCE).await.expect("it is started again");
    }

    pub(crate) async fn stop(self) {
        self.stack.stop().await.expect("everything stops");
    }
}

fn finished(replayed: Replayed) -> Outcome {
    if let Some(stalled) = replayed.stalled {
        panic!("{stalled}");
    }
    replayed.outcome
}

/// The programs, and the right to run a stack of them: one at a time.
pub(crate) async fn programs() -> (PathBuf, MutexGuard<'static, ()>) {
    let alone = ALONE.lock().await;
    let built = tokio::task::block_in_place(|| binaries(&PROGRAMS));
    (built[PROGRAMS[0]].parent().expect("a program lies in a folder").to_owned(), alone)
}

/// The first `orders` invoices of the sample.
pub(crate) fn plan(orders: usize) -> Plan {
    let orders = NonZeroUsize::new(orders).expect("a replay has orders");
    retail::import(Path::new(SAMPLE), Some(orders), OrderLimits::default()).expect("the sample is sound")
}

pub(crate) fn in_flight(concurrency: usize) -> Pace {
    Pace::Closed { concurrency: NonZeroUsize::new(concurrency).expect("some are in flight") }
}

pub(crate) fn a_second(rate: u32) -> Pace {
    Pace::Open { per_second: rate.try_into().expect("some arrive") }
}

/// Accepted orders whose sagas are not finished.
pub(crate) fn sagas_in_flight(Snapshot { placed, confirmed, cancelled, .. }: Snapshot) -> u64 {
    placed.saturating_sub(confirmed + cancelled)
}

/// Waits until a replay has come so far.
pub(crate) async fn until(what: &str, progress: &Progress, is: impl Fn(Snapshot) -> bool) -> Snapshot {
    eventually(what, PATIENCE, async || Some(progress.snapshot()).filter(|snapshot| is(*snapshot))).await
}

/// Every invariant was checked on something, and none is broken.
pub(crate) fn assert_holds(proof: &Proof) {
    for invariant in &proof.invariants {
        assert!(invariant.checked > 0, "nothing was checked: {}", invariant.name);
        assert_eq!(invariant.violations, 0, "{}: {:#?}", invariant.name, invariant.examples);
    }
    assert!(proof.holds());
}

/// Every order of the plan came to the end that it must come to, and the services' books agree with what the answers
/// and events said; see [`Bench::settle`].
pub(crate) fn assert_agrees(plan: &Plan, outcome: &Outcome, proof: &Proof, others: u64) {
    assert_eq!(outcome.unfinished(), 0);
    let orders = (0..outcome.orders.len()).map(|index| plan.order(index));
    let accepted = orders.filter(|order| order.expected_rejection.is_none()).count() as u64;
    assert_eq!(outcome.placed(), accepted);
    let comparison = compare(plan, outcome);
    for invariant in comparison.invariants() {
        assert!(invariant.checked > 0, "{}", invariant.name);
        assert_eq!(invariant.violations, 0, "{}: {:?}", invariant.name, comparison.deviations);
    }
    // A call that was sent again must not have become a second order.
    assert_eq!(proof.invariants[0].checked, outcome.placed() + others);
    let totals = proof.totals;
    assert_eq!(totals.captured_minor, outcome.confirmed_minor());
    assert_eq!(u64::try_from(totals.units_sold), Ok(outcome.confirmed_units()));
    assert_eq!(totals.authorized_minor, totals.captured_minor + totals.voided_minor);
    assert!(outcome.confirmed() > 0);
}

/// A small order of products that a plan has entered, with a request id of its own.
pub(crate) fn small_order(plan: &Plan, payment_token: &str) -> PlaceOrderRequest {
    PlaceOrderRequest {
        request_id: SystemIds.next_id().to_string(),
        customer_id: "e2e-customer".to_owned(),
        lines: vec![PlaceOrderLine { sku: plan.stock[0].sku.to_string(), quantity: 1 }],
        payment_token: payment_token.to_owned(),
        country: String::new(),
    }
}

pub(crate) fn channel(url: String) -> Channel {
    Endpoint::from_shared(url).expect("the fleet's addresses are sound").connect_lazy()
}

pub(crate) fn connections<const N: usize>(urls: [String; N]) -> Connections {
    Connections::new(urls, ConnectionSettings::default()).expect("the fleet's addresses are sound")
}

/// A folder below the system's temporary folder that the servers' user can enter.
pub(crate) fn open_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let open = std::fs::Permissions::from_mode(0o755);
    tempfile::Builder::new().prefix("bowline-e2e-").permissions(open).tempdir().expect("a temporary folder")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the jars of Kafka are shared with the tool, which finds them this way"
)]
fn folders(state: PathBuf) -> Folders {
    let path = |name| std::env::var(name).ok().map(PathBuf::from);
    let around = Surroundings {
        home: path("HOME"),
        xdg_state_home: path("XDG_STATE_HOME"),
        xdg_cache_home: path("XDG_CACHE_HOME"),
    };
    Folders::choose(Some(state), None, &around).expect("HOME is set")
}
