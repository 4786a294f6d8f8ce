//! A commit that is reported has happened, and nothing of a transaction outlives it.

use bowline_database::{Error, Fault, Profile, Transaction};
use bowline_test_support::eventually;
use sqlx::Connection as _;

use crate::stage::{PATIENCE, Stage, notes};

async fn write(transaction: &mut Transaction, note: i32) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO notes VALUES ($1)").bind(note).execute(&mut **transaction).await.map(|_| ())
}

#[tokio::test]
async fn a_swallowed_statement_error_is_reported_by_commit() {
    let stage = Stage::new("swallowed").await;
    let database = stage.open(Profile::Hot, 2);

    // The naive way: COMMIT of a failed transaction answers ROLLBACK, which is no error.
    let mut connection = database.acquire().await.unwrap();
    let mut naive = connection.begin().await.unwrap();
    sqlx::query("INSERT INTO notes VALUES (1)").execute(&mut *naive).await.unwrap();
    sqlx::query("INSERT INTO notes VALUES (1)").execute(&mut *naive).await.unwrap_err();
    naive.commit().await.unwrap();
    drop(connection);
    assert_eq!(notes(&database).await, [0; 0], "it said that it had committed");

    let mut transaction = database.begin().await.unwrap();
    write(&mut transaction, 1).await.unwrap();
    write(&mut transaction, 1).await.unwrap_err();
    let error = transaction.commit().await.unwrap_err();
    assert!(matches!(error, Error::Aborted), "{error:?}");
    assert_eq!(error.fault(), Fault::Bug);
    assert_eq!(notes(&database).await, [0; 0]);
}

#[tokio::test]
async fn what_is_checked_at_commit_fails_the_commit() {
    let stage = Stage::new("deferred").await;
    let database = stage.open(Profile::Hot, 1);
    let deferred =
        "ALTER TABLE notes ADD COLUMN parent integer DEFAULT 99 REFERENCES notes INITIALLY DEFERRED";
    sqlx::raw_sql(deferred).execute(&mut *database.acquire().await.unwrap()).await.unwrap();
    let mut transaction = database.begin().await.unwrap();
    write(&mut transaction, 1).await.unwrap();
    let error = transaction.commit().await.unwrap_err();
    assert_eq!(error.fault(), Fault::Refused, "{error:?}");
    assert_eq!(notes(&database).await, [0; 0]);
}

#[tokio::test]
async fn a_commit_is_kept_and_a_rollback_is_not() {
    let stage = Stage::new("kept").await;
    let database = stage.open(Profile::Hot, 1);
    let mut transaction = database.begin().await.unwrap();
    write(&mut transaction, 1).await.unwrap();
    transaction.commit().await.unwrap();
    let mut transaction = database.begin().await.unwrap();
    write(&mut transaction, 2).await.unwrap();
    transaction.rollback().await.unwrap();
    let mut transaction = database.begin().await.unwrap();
    write(&mut transaction, 3).await.unwrap();
    drop(transaction);
    assert_eq!(notes(&database).await, [1]);
}

/// Polls `work` so many times at the most, then drops it. True if it had ended before.
async fn abandon_after<T>(polls: u32, work: impl Future<Output = T>) -> bool {
    let mut work = Box::pin(work);
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(false);
        }
        left -= 1;
        work.as_mut().poll(context).map(|_| true)
    })
    .await
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_no_open_transaction_behind() {
    let stage = Stage::new("abandoned").await;
    let (database, observer) = (stage.open(Profile::Query, 1), stage.open(Profile::Query, 1));
    for polls in 1.. {
        let ended = abandon_after(polls, async {
            let mut transaction = database.begin().await?;
            write(&mut transaction, 1).await?;
            Ok::<_, Error>(())
        });
        let ended = ended.await;
        // The connection of the pool: another one, or the same one without a transaction.
        sqlx::query("INSERT INTO notes VALUES (2) ON CONFLICT DO NOTHING")
            .execute(&mut *database.acquire().await.unwrap())
            .await
            .unwrap();
        eventually("the statement stands without a commit", PATIENCE, async || {
            (notes(&observer).await == [2]).then_some(())
        })
        .await;
        sqlx::query("DELETE FROM notes").execute(&mut *observer.acquire().await.unwrap()).await.unwrap();
        if ended {
            break;
        }
    }
}
