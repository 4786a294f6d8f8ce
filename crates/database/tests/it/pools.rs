//! What connections are for decides their settings, and a server that forgets is refused.

use std::time::{Duration, Instant};

use bowline_database::{ConnectOptions, Database, Durability, Error, Fault, Profile};
use sqlx::AssertSqlSafe;
use tokio::net::{TcpListener, TcpStream};
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

/// Serves `url` on another address, letting every connection in only after `delay`; until the set is dropped.
async fn behind_a_slow_door(url: &str, delay: Duration) -> (String, JoinSet<()>) {
    let server = url.split(['@', '/']).nth(3).unwrap().to_owned();
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = door.local_addr().unwrap().to_string();
    let url = url.replace(&server, &address);
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut guests = JoinSet::new();
        while let Ok((mut client, _)) = door.accept().await {
            let server = server.clone();
            guests.spawn(async move {
                tokio::time::sleep(delay).await;
                let mut server = TcpStream::connect(server).await.unwrap();
                // Ends when either side hangs up.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (url, serving)
}

#[tokio::test]
async fn callers_who_wait_too_short_a_time_for_a_login_let_the_next_ones_in() {
    let stage = Stage::new("slow_login").await;
    let wait = Duration::from_millis(100);
    let (url, _serving) = behind_a_slow_door(stage.database.url(), wait * 3).await;
    let database =
        Database::open(&ConnectOptions { url, acquire_timeout: wait, ..stage.options(Profile::Query, 1) })
            .unwrap();

    let first = database.acquire().await.unwrap_err();
    assert_eq!(first.fault(), Fault::Unavailable, "{first:?}");
    let begun = Instant::now();
    while database.ping().await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "nobody is ever let in");
    }
}
