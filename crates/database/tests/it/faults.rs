//! What an error of a real server means.

use bowline_database::{Database, Error, Fault, Profile, sqlstate};
use sqlx::Executor as _;

use crate::stage::Stage;

async fn fault(database: &Database, statements: &'static str) -> (Fault, Option<String>) {
    let error = Error::from(
        sqlx::raw_sql(statements).execute(&mut *database.acquire().await.unwrap()).await.unwrap_err(),
    );
    (error.fault(), error.sqlstate())
}

#[tokio::test]
async fn a_server_that_hangs_up_is_away() {
    let stage = Stage::new("hangs_up").await;
    let (database, observer) = (stage.open(Profile::Hot, 1), stage.open(Profile::Query, 1));
    let mut transaction = database.begin().await.unwrap();
    transaction.execute("INSERT INTO notes VALUES (1)").await.unwrap();
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND state = 'idle in transaction'";
    observer.acquire().await.unwrap().execute(cut).await.unwrap();
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(error.fault(), Fault::Unavailable, "{error:?}");
    database.begin().await.unwrap().commit().await.unwrap();
}

#[tokio::test]
async fn what_the_server_answers_says_what_may_be_done() {
    let stage = Stage::new("answers").await;
    let database = stage.open(Profile::Hot, 1);
    let (refused, code) = fault(&database, "INSERT INTO notes VALUES (1), (1)").await;
    assert_eq!((refused, code.as_deref()), (Fault::Refused, Some(sqlstate::UNIQUE_VIOLATION)));
    assert_eq!(fault(&database, "SELECT 1 / 0").await.0, Fault::Refused);
    assert_eq!(fault(&database, "SELECT FROM nowhere").await.0, Fault::Bug);
    let (away, code) = fault(&database, "SET transaction_read_only = on; CREATE TABLE t ()").await;
    assert_eq!((away, code.as_deref()), (Fault::Unavailable, Some(sqlstate::READ_ONLY_SQL_TRANSACTION)));
}

#[tokio::test]
async fn whoever_waits_too_long_for_a_lock_met_a_conflict() {
    let stage = Stage::new("lock").await;
    let database = stage.open(Profile::Hot, 2);
    let mut holder = database.begin().await.unwrap();
    holder.execute("LOCK TABLE notes").await.unwrap();
    let mut waiter = database.begin().await.unwrap();
    waiter.execute("SET LOCAL lock_timeout = '20ms'").await.unwrap();
    let error = Error::from(waiter.execute("SELECT FROM notes").await.unwrap_err());
    assert_eq!(error.fault(), Fault::Conflict);
    assert_eq!(error.sqlstate().as_deref(), Some(sqlstate::LOCK_NOT_AVAILABLE));
}
