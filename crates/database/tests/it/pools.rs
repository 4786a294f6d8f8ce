//! What connections are for decides their settings, and a server that forgets is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bowline_database::{ConnectOptions, Database, Durability, Error, Fault, Profile};
use bowline_test_support::eventually;
use sqlx::AssertSqlSafe;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::stage::{PATIENCE, Stage};

async fn setting(database: &Database, name: &str) -> String {
    sqlx::query_scalar("SELECT current_setting($1)")
        .bind(name)
        .fetch_one(&mut *database.acquire().await.unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_profile_sets_what_its_work_needs() {
    let stage = Stage::new("profiles").await;
    let hot = stage.open(Profile::Hot, 1);
    for (name, value) in
        [("jit", "off"), ("plan_cache_mode", "force_generic_plan"), ("synchronous_commit", "on")]
    {
        assert_eq!(setting(&hot, name).await, value, "{name}");
    }
    assert_ne!(setting(&hot, "idle_in_transaction_session_timeout").await, "0");
    assert_eq!(setting(&stage.open(Profile::Lazy, 1), "synchronous_commit").await, "off");
    assert_ne!(setting(&stage.open(Profile::Query, 1), "statement_timeout").await, "0");
}

#[tokio::test]
async fn a_server_that_may_forget_commits_is_refused_unless_that_is_waived() {
    let stage = Stage::new("durable").await;
    let options = stage.options(Profile::Query, 1);
    Database::connect(&options, Durability::Required).await.unwrap();
    let forget = format!("ALTER DATABASE {} SET synchronous_commit = off", stage.database.name());
    let admin = stage.open(Profile::Query, 1);
    sqlx::raw_sql(AssertSqlSafe(forget)).execute(&mut *admin.acquire().await.unwrap()).await.unwrap();

    let error = Database::connect(&options, Durability::Required).await.unwrap_err();
    assert!(matches!(error, Error::Unsafe { setting: "synchronous_commit" }), "{error:?}");
    Database::connect(&options, Durability::Waived).await.unwrap();
}

/// Another address of a server, on which nobody is let in before the door is opened. Serves until it is dropped.
struct Door {
    url: String,
    knocks: Arc<AtomicUsize>,
    open: watch::Sender<bool>,
    _serving: JoinSet<()>,
}

impl Door {
    async fn before(url: &str) -> Self {
        let server = url.split(['@', '/']).nth(3).unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url.replace(&server, &listener.local_addr().unwrap().to_string());
        let (knocks, (open, opened)) = (Arc::new(AtomicUsize::new(0)), watch::channel(false));
        let (mut serving, knocked) = (JoinSet::new(), Arc::clone(&knocks));
        serving.spawn(async move {
            let mut guests = JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                knocked.fetch_add(1, Ordering::SeqCst);
                let (server, mut opened) = (server.clone(), opened.clone());
                guests.spawn(async move {
                    opened.wait_for(|open| *open).await.unwrap();
                    let mut server = TcpStream::connect(server).await.unwrap();
                    // Ends when either side hangs up.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { url, knocks, open, _serving: serving }
    }
}

#[tokio::test]
async fn a_login_goes_on_when_its_caller_gives_up_and_serves_the_next_one() {
    let stage = Stage::new("slow_login").await;
    let door = Door::before(stage.database.url()).await;
    let options = ConnectOptions {
        url: door.url.clone(),
        acquire_timeout: Duration::from_millis(100),
        ..stage.options(Profile::Query, 1)
    };
    let database = Database::open(&options).unwrap();
    let refused = database.ping().await.unwrap_err();
    assert_eq!(refused.fault(), Fault::Unavailable, "{refused:?}");

    door.open.send_replace(true);
    eventually("somebody is let in", PATIENCE, async || database.ping().await.ok()).await;
    assert_eq!(
        door.knocks.load(Ordering::SeqCst),
        1,
        "the login of the caller that gave up serves the next one"
    );
}
