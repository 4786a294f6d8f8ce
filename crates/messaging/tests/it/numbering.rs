//! Sequences are given at commit: what a reader behind the head sees is complete and in order.

use std::collections::BTreeMap;

use bowline_contracts::topics::{INVENTORY_EVENTS, ORDERS_EVENTS};
use bowline_database::{Database, sqlstate};
use bowline_messaging::{Error, LaneId, Outbox, incarnation};
use bowline_test_support::eventually;

use crate::stage::{PATIENCE, Service, append, key_in, message};

const LANE: u16 = 3;

async fn outbox(database: &Database) -> Outbox {
    let mut transaction = database.begin().await.unwrap();
    let outbox =
        Outbox::register(&mut transaction, &[&ORDERS_EVENTS, &INVENTORY_EVENTS], 1 << 20).await.unwrap();
    incarnation::ensure(&mut transaction, &bowline_kernel::SystemIds).await.unwrap();
    transaction.commit().await.unwrap();
    outbox
}

/// The keys of a lane behind a sequence, as the relay reads them.
async fn behind(database: &Database, lane: LaneId, sequence: i64) -> Vec<(i64, uuid::Uuid)> {
    sqlx::query_as(
        "SELECT sequence, key FROM messaging.outbox WHERE lane = $1 AND sequence > $2 ORDER BY sequence",
    )
    .bind(lane)
    .bind(sequence)
    .fetch_all(&mut *database.acquire().await.unwrap())
    .await
    .unwrap()
}

#[tokio::test]
async fn a_late_committer_is_skipped_by_position_but_not_by_sequence() {
    let service = Service::orders().await;
    let database = service.open();
    let outbox = outbox(&database).await;
    let lane_id = outbox.lane(&ORDERS_EVENTS, LANE).unwrap();
    let naive = "INSERT INTO it.naive (version) VALUES ($1)";

    let mut late = database.begin().await.unwrap();
    sqlx::query(naive).bind(1).execute(&mut *late).await.unwrap();
    let mut early = database.begin().await.unwrap();
    sqlx::query(naive).bind(2).execute(&mut *early).await.unwrap();
    outbox.append(&mut early, vec![message(&ORDERS_EVENTS, key_in(LANE, 2))]).await.unwrap();
    early.commit().await.unwrap();

    let naive = "SELECT position, version FROM it.naive WHERE position > $1 ORDER BY position";
    let seen: Vec<(i64, i32)> =
        sqlx::query_as(naive).bind(0_i64).fetch_all(&mut *database.acquire().await.unwrap()).await.unwrap();
    let seen_of_ours = behind(&database, lane_id, 0).await;
    outbox.append(&mut late, vec![message(&ORDERS_EVENTS, key_in(LANE, 1))]).await.unwrap();
    late.commit().await.unwrap();

    let rest: Vec<(i64, i32)> = sqlx::query_as(naive)
        .bind(seen[0].0)
        .fetch_all(&mut *database.acquire().await.unwrap())
        .await
        .unwrap();
    assert_eq!((seen[0].1, rest.len()), (2, 0), "the naive reader never learns of the late committer");
    assert_eq!(seen_of_ours, [(1, key_in(LANE, 2))]);
    assert_eq!(behind(&database, lane_id, 1).await, [(2, key_in(LANE, 1))], "the lane goes on with it");
}

#[tokio::test]
async fn nobody_overtakes_a_commit_that_has_its_number() {
    let service = Service::orders().await;
    let database = service.open();
    let outbox = outbox(&database).await;
    let lane = outbox.lane(&ORDERS_EVENTS, LANE).unwrap();

    let mut slow = database.begin().await.unwrap();
    outbox.append(&mut slow, vec![message(&ORDERS_EVENTS, key_in(LANE, 1))]).await.unwrap();
    let mut second = database.begin().await.unwrap();
    sqlx::query("SET LOCAL lock_timeout = '50ms'").execute(&mut *second).await.unwrap();
    let refused =
        outbox.append(&mut second, vec![message(&ORDERS_EVENTS, key_in(LANE, 2))]).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Database(error) if error.sqlstate().as_deref() == Some(sqlstate::LOCK_NOT_AVAILABLE)),
        "{refused:?}"
    );
    drop(second);
    append(&database, &outbox, &[key_in(LANE + 1, 0)]).await;
    assert_eq!(behind(&database, lane, 0).await, []);
    slow.commit().await.unwrap();
    append(&database, &outbox, &[key_in(LANE, 2)]).await;
    assert_eq!(behind(&database, lane, 0).await, [(1, key_in(LANE, 1)), (2, key_in(LANE, 2))]);
}

#[tokio::test]
async fn version_6_comes_before_5_by_transaction_id_but_not_by_sequence() {
    let service = Service::orders().await;
    let database = service.open();
    let outbox = outbox(&database).await;
    let lane = outbox.lane(&ORDERS_EVENTS, LANE).unwrap();
    let naive = "INSERT INTO it.naive (version) VALUES ($1)";

    // It has its id before it reads the stream.
    let mut older = database.begin().await.unwrap();
    sqlx::query("SELECT pg_current_xact_id()").execute(&mut *older).await.unwrap();
    let mut younger = database.begin().await.unwrap();
    sqlx::query(naive).bind(5).execute(&mut *younger).await.unwrap();
    outbox.append(&mut younger, vec![message(&ORDERS_EVENTS, key_in(LANE, 5))]).await.unwrap();
    younger.commit().await.unwrap();
    let seen: i32 =
        sqlx::query_scalar("SELECT max(version) FROM it.naive").fetch_one(&mut *older).await.unwrap();
    sqlx::query(naive).bind(seen + 1).execute(&mut *older).await.unwrap();
    outbox.append(&mut older, vec![message(&ORDERS_EVENTS, key_in(LANE, 6))]).await.unwrap();
    older.commit().await.unwrap();

    // It stalls behind any transaction of the server, so it is asked until it shows both.
    let published = eventually("the naive reader shows both", PATIENCE, async || {
        let rows: Vec<i32> = sqlx::query_scalar(
            "SELECT version FROM it.naive WHERE xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, position",
        )
        .fetch_all(&mut *database.acquire().await.unwrap())
        .await
        .unwrap();
        (rows.len() == 2).then_some(rows)
    })
    .await;
    assert_eq!(published, [6, 5], "the naive order has a version before the one it was decided on");
    assert_eq!(behind(&database, lane, 0).await, [(1, key_in(LANE, 5)), (2, key_in(LANE, 6))]);
}

#[tokio::test]
async fn a_missing_head_writes_nothing() {
    let service = Service::orders().await;
    let database = service.open();
    let outbox = outbox(&database).await;
    let lane = outbox.lane(&ORDERS_EVENTS, LANE).unwrap();
    sqlx::query("DELETE FROM messaging.lane_heads WHERE lane = $1")
        .bind(lane)
        .execute(&mut service.owner().await)
        .await
        .unwrap();

    let mut transaction = database.begin().await.unwrap();
    sqlx::query("INSERT INTO it.naive (version) VALUES (1)").execute(&mut *transaction).await.unwrap();
    let messages = [LANE - 1, LANE, LANE + 1].map(|lane| message(&ORDERS_EVENTS, key_in(lane, 0)));
    let error = outbox.append(&mut transaction, messages.to_vec()).await.unwrap_err();
    assert!(matches!(error, Error::MissingHead { expected: 3 }), "{error:?}");
    transaction.rollback().await.unwrap();

    assert_eq!(service.number("SELECT count(*) FROM it.naive").await, 0);
    assert_eq!(service.number("SELECT count(*) FROM messaging.outbox").await, 0);
    assert_eq!(service.number("SELECT max(next_sequence) FROM messaging.lane_heads").await, 1);
    append(&database, &outbox, &[key_in(LANE - 1, 0), key_in(LANE + 1, 0)]).await;
}

#[tokio::test]
async fn a_message_too_large_for_its_topic_is_refused_before_anything_is_written() {
    let service = Service::orders().await;
    let database = service.open();
    let outbox = outbox(&database).await;
    let mut transaction = database.begin().await.unwrap();
    let mut large = message(&ORDERS_EVENTS, key_in(LANE, 0));
    large.payload = vec![0; 1 << 20].into();
    let messages = vec![message(&ORDERS_EVENTS, key_in(LANE, 1)), large];
    let error = outbox.append(&mut transaction, messages).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
    assert_eq!(error.fault(), bowline_database::Fault::Refused);
    transaction.commit().await.unwrap();
    assert_eq!(service.number("SELECT count(*) FROM messaging.outbox").await, 0);
}

#[tokio::test]
async fn a_transaction_that_rolls_back_leaves_no_hole() {
    let service = Service::orders().await;
    let database = service.open();
    let outbox = outbox(&database).await;
    append(&database, &outbox, &[key_in(LANE, 0)]).await;
    let mut abandoned = database.begin().await.unwrap();
    outbox.append(&mut abandoned, vec![message(&ORDERS_EVENTS, key_in(LANE, 1))]).await.unwrap();
    drop(abandoned);
    let sequences: BTreeMap<_, _> = append(&database, &outbox, &[key_in(LANE, 2), key_in(LANE, 3)])
        .await
        .into_iter()
        .map(|sequenced| (sequenced.message.key, sequenced.sequence))
        .collect();
    assert_eq!(sequences, BTreeMap::from([(key_in(LANE, 2), 2), (key_in(LANE, 3), 3)]));
}
