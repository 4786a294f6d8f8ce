//! What connections are for decides their settings, and a server that forgets is refused.

use bowline_database::{Database, Durability, Error, Profile};
use sqlx::AssertSqlSafe;

use crate::stage::Stage;

async fn setting(database: &Database, name: &str) -> String {
    sqlx::query_scalar("SELECT current_setting($1)").bind(name).fetch_one(database.pool()).await.unwrap()
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
    sqlx::raw_sql(AssertSqlSafe(forget)).execute(admin.pool()).await.unwrap();

    let error = Database::connect(&options, Durability::Required).await.unwrap_err();
    assert!(matches!(error, Error::Unsafe { setting: "synchronous_commit" }), "{error:?}");
    Database::connect(&options, Durability::Waived).await.unwrap();
}
