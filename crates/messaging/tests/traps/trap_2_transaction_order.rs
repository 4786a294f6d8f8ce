//! `ORDER BY (xid, position)` under `xid < xmin` skips nothing, but it publishes version 6 before version 5, because a
//! transaction may have its id before it reads; and it waits for every transaction of the whole server.

use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_database::Database;
use bowline_test_support::{TestDatabase, eventually};
use sqlx::{Connection as _, PgConnection};

use crate::naive::{self, behind};
use crate::stage::{PATIENCE, Service, key_in, message, outbox};

const LANE: u16 = 3;

/// The versions in the order in which the naive relay publishes them, as far as it dares.
async fn below_xmin(database: &Database) -> Vec<i32> {
    sqlx::query_scalar(
        "SELECT version FROM it.outbox WHERE xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, position",
    )
    .fetch_all(&mut *database.acquire().await.unwrap())
    .await
    .unwrap()
}

/// What is published when nothing is in the way any more. Other tests run on this server too, and it waits for them.
async fn published(database: &Database, count: usize) -> Vec<i32> {
    eventually("the naive relay dares to publish", PATIENCE, async || {
        let versions = below_xmin(database).await;
        (versions.len() == count).then_some(versions)
    })
    .await
}

#[tokio::test]
async fn version_6_comes_before_5_by_transaction_but_not_by_sequence() {
    let service = Service::orders().await;
    naive::create_outbox(&service).await;
    let database = service.open();
    let outbox = outbox(&database).await;
    let lane = outbox.lane(&ORDERS_EVENTS, LANE).unwrap();

    let mut older = database.begin().await.unwrap();
    sqlx::query("SELECT pg_current_xact_id()").execute(&mut *older).await.unwrap();
    let mut younger = database.begin().await.unwrap();
    naive::append(&mut younger, 5).await;
    outbox.append(&mut younger, vec![message(&ORDERS_EVENTS, key_in(LANE, 5))]).await.unwrap();
    younger.commit().await.unwrap();
    let seen: i32 =
        sqlx::query_scalar("SELECT max(version) FROM it.outbox").fetch_one(&mut *older).await.unwrap();
    naive::append(&mut older, seen + 1).await;
    outbox.append(&mut older, vec![message(&ORDERS_EVENTS, key_in(LANE, 6))]).await.unwrap();
    older.commit().await.unwrap();

    assert_eq!(published(&database, 2).await, [6, 5], "a version before the one that it was decided on");
    assert_eq!(behind(&database, lane, 0).await, [(1, key_in(LANE, 5)), (2, key_in(LANE, 6))]);
}

#[tokio::test]
async fn a_transaction_of_somebody_else_holds_up_transaction_order_but_no_lane() {
    let service = Service::orders().await;
    naive::create_outbox(&service).await;
    let database = service.open();
    let outbox = outbox(&database).await;
    let lane = outbox.lane(&ORDERS_EVENTS, LANE).unwrap();
    let other_database = TestDatabase::create("stranger").await;
    let mut stranger = PgConnection::connect(other_database.url()).await.unwrap();
    let mut long = stranger.begin().await.unwrap();
    sqlx::query("SELECT pg_current_xact_id()").execute(&mut *long).await.unwrap();

    let mut transaction = database.begin().await.unwrap();
    naive::append(&mut transaction, 1).await;
    outbox.append(&mut transaction, vec![message(&ORDERS_EVENTS, key_in(LANE, 1))]).await.unwrap();
    transaction.commit().await.unwrap();
    assert_eq!(below_xmin(&database).await, [0; 0], "it waits for a database that it has nothing to do with");
    assert_eq!(behind(&database, lane, 0).await, [(1, key_in(LANE, 1))]);

    long.rollback().await.unwrap();
    assert_eq!(published(&database, 1).await, [1]);
}
