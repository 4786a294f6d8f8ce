//! A whole stack on this machine: started, used, broken, stopped.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bowline_dev_stack::process_table::{Leftover, ProcessTable, StopSignal};
use bowline_dev_stack::{Error, Folders, Stack, StackDescription, StackOptions, Surroundings};
use sqlx::{Connection as _, PgConnection};

/// A folder below the system's temporary folder that the servers' user can enter.
fn open_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let open = std::fs::Permissions::from_mode(0o755);
    tempfile::Builder::new().permissions(open).tempdir().expect("a temporary folder")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the jars of Kafka are shared with the tool, which finds them this way"
)]
fn cache() -> PathBuf {
    let path = |name| std::env::var(name).ok().map(PathBuf::from);
    let around = Surroundings {
        home: path("HOME"),
        xdg_state_home: path("XDG_STATE_HOME"),
        xdg_cache_home: path("XDG_CACHE_HOME"),
    };
    Folders::choose(None, None, &around).expect("HOME is set").cache
}

fn options(folder: &Path) -> StackOptions {
    StackOptions::new(Folders { state: folder.to_owned(), cache: cache() })
}

async fn ask(url: &str, query: &'static str) -> sqlx::Result<String> {
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query_scalar(query).fetch_one(&mut connection).await
}

#[tokio::test]
async fn a_stack_keeps_its_promises() {
    let folder = open_folder();
    let stack = Stack::start(options(folder.path())).await.expect("the stack starts");

    only_its_own_roles_enter_a_database(&stack).await;
    servers_come_back(&stack).await;
    others_learn_of_it(&stack, folder.path());

    let busy = Stack::start(options(folder.path())).await.expect_err("the folder is in use");
    assert!(matches!(busy, Error::FolderBusy { .. }), "{busy}");

    let admin = stack.postgres().admin_url().to_string();
    stack.stop().await.expect("everything stops");
    PgConnection::connect(&admin).await.expect_err("PostgreSQL is down");
    let gone = StackDescription::load(folder.path()).expect_err("no stack runs");
    assert!(matches!(gone, Error::NotRunning { .. }), "{gone}");
    let table = std::fs::read_to_string(folder.path().join("processes")).expect("the table stays");
    assert_eq!(table.lines().count(), 1, "no process is left: {table}");

    data_survives_and_leftovers_do_not(folder.path()).await;
}

async fn only_its_own_roles_enter_a_database(stack: &Stack) {
    let orders = stack.databases().service("orders").expect("it is a service");
    let who = ask(&orders.runtime, "SELECT current_user::text").await.expect("the service may enter");
    assert_eq!(who, "bowline_orders");
    let who = ask(&orders.owner, "SELECT current_user::text").await.expect("the owner may enter");
    assert_eq!(who, "bowline_orders_owner");
    let foreign = orders.runtime.replace("/bowline_orders", "/bowline_payment");
    let foreign = foreign.replace("//bowline_payment:", "//bowline_orders:");
    let refused = ask(&foreign, "SELECT current_user::text").await.expect_err("no other service may");
    assert!(refused.to_string().contains("permission denied for database"), "{refused}");
    for urls in stack.databases().all().values() {
        ask(&urls.auditor, "SELECT current_user::text").await.expect("the auditor may enter all");
    }
    let fsync = ask(&orders.runtime, "SELECT current_setting('fsync')").await.expect("readable");
    assert_eq!(fsync, "on");
}

async fn servers_come_back(stack: &Stack) {
    let postgres = stack.postgres();
    let first = postgres.server().pid().expect("it runs");
    postgres.restart_immediately().await.expect("it recovers");
    assert_ne!(postgres.server().pid(), Some(first));
    assert_eq!(postgres.server().restarts(), 0, "a wanted restart is not a death");
    postgres.server().kill().await.expect("it is ours");
    postgres.wait_ready().await.expect("supervision brings it back");
    stack.kafka().server().kill().await.expect("it is ours");
    stack.kafka().wait_ready().await.expect("supervision brings it back");
    stack.kafka().restart().await.expect("it restarts");
    assert_eq!(stack.restarts()["kafka"], 1);
    assert!(postgres.server().restarts() >= 1);
}

fn others_learn_of_it(stack: &Stack, folder: &Path) {
    let addresses = BTreeMap::from([("orders.grpc".to_owned(), "127.0.0.1:1".to_owned())]);
    let written = stack.publish(addresses).expect("written");
    assert_eq!(StackDescription::load(folder).expect("a stack runs"), written);
}

async fn data_survives_and_leftovers_do_not(folder: &Path) {
    let mut left = std::process::Command::new("sleep").arg("600").spawn().expect("sleep is everywhere");
    let table = ProcessTable::create(folder).expect("the folder is free");
    table.add("orders", left.id(), StopSignal::Terminate).expect("noted");

    let mut options = options(folder);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    options.port_base = Some(taken.local_addr().expect("bound").port());
    let error = Stack::start(options.clone()).await.expect_err("the port is taken");
    assert!(error.to_string().ends_with("give another --port-base"), "{error}");
    left.wait().expect("the earlier start has stopped it");

    let mut again = std::process::Command::new("sleep").arg("600").spawn().expect("sleep is everywhere");
    ProcessTable::create(folder)
        .and_then(|table| table.add("orders", again.id(), StopSignal::Terminate))
        .expect("noted");
    options.port_base = None;
    let stack = Stack::start(options).await.expect("it starts with the data that is there");
    assert_eq!(stack.leftovers(), [Leftover { name: "orders".into(), pid: again.id() }]);
    again.wait().expect("it was stopped");
    let orders = stack.databases().service("orders").expect("it is a service");
    ask(&orders.runtime, "SELECT current_user::text").await.expect("roles and passwords are the same");

    // A wrong password on the running server is told from a server that is not there.
    let mut wrong = url::Url::parse(&orders.runtime).expect("a URL");
    wrong.set_password(Some("wrong")).expect("it takes one");
    let refused = bowline_dev_stack::Postgres::given(wrong.as_str()).await.expect_err("refused");
    assert!(refused.to_string().contains("refuses the user bowline_orders"), "{refused}");
    stack.stop().await.expect("everything stops");
}
