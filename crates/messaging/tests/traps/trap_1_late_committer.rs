//! `WHERE position > last` skips a transaction that took a lower position and committed later.

use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_database::Database;
use tokio::task::JoinSet;

use crate::naive::{self, behind};
use crate::stage::{Service, append, key_in, message, outbox};

const LANE: u16 = 3;
const WAITING: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// Position and version of what the naive relay finds behind the last position that it has published.
async fn behind_position(database: &Database, last: i64) -> Vec<(i64, i32)> {
    sqlx::query_as("SELECT position, version FROM it.outbox WHERE position > $1 ORDER BY position")
        .bind(last)
        .fetch_all(&mut *database.acquire().await.unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_late_committer_is_skipped_by_position() {
    let service = Service::orders().await;
    naive::create_outbox(&service).await;
    let database = service.open();

    let mut late = database.begin().await.unwrap();
    naive::append(&mut late, 1).await;
    naive::append(&mut service.connect().await, 2).await;
    let published = behind_position(&database, 0).await;
    late.commit().await.unwrap();

    let [(last, 2)] = published[..] else { panic!("{published:?}") };
    assert_eq!(behind_position(&database, last).await, [], "nobody will ever publish version 1");
    assert_eq!(behind_position(&database, 0).await.len(), 2, "although it is committed");
}

#[tokio::test]
async fn nobody_overtakes_a_commit_that_has_its_sequence() {
    let service = Service::orders().await;
    let database = service.open();
    let outbox = outbox(&database).await;
    let lane = outbox.lane(&ORDERS_EVENTS, LANE).unwrap();

    let mut slow = database.begin().await.unwrap();
    outbox.append(&mut slow, vec![message(&ORDERS_EVENTS, key_in(LANE, 1))]).await.unwrap();
    let mut early = JoinSet::new();
    let (its_database, its_outbox) = (database.clone(), outbox.clone());
    early.spawn(async move { append(&its_database, &its_outbox, &[key_in(LANE, 2)]).await });
    service.number_becomes(WAITING, 1).await;
    append(&database, &outbox, &[key_in(LANE + 1, 0)]).await;
    assert_eq!(behind(&database, lane, 0).await, [], "the other lanes go on, this one waits");
    slow.commit().await.unwrap();

    early.join_all().await;
    assert_eq!(behind(&database, lane, 0).await, [(1, key_in(LANE, 1)), (2, key_in(LANE, 2))]);
}

#[tokio::test]
async fn a_sequence_is_taken_by_who_commits_first_and_not_by_who_began_first() {
    let service = Service::orders().await;
    let database = service.open();
    let outbox = outbox(&database).await;
    let lane = outbox.lane(&ORDERS_EVENTS, LANE).unwrap();

    let mut slow = database.begin().await.unwrap();
    sqlx::query("SELECT pg_current_xact_id()").execute(&mut *slow).await.unwrap();
    append(&database, &outbox, &[key_in(LANE, 2)]).await;
    assert_eq!(behind(&database, lane, 0).await, [(1, key_in(LANE, 2))]);
    outbox.append(&mut slow, vec![message(&ORDERS_EVENTS, key_in(LANE, 1))]).await.unwrap();
    slow.commit().await.unwrap();
    assert_eq!(behind(&database, lane, 1).await, [(2, key_in(LANE, 1))], "the lane goes on with it");
}
