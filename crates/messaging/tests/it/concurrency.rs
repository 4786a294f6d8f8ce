//! Many writers on many lanes.

use bowline_contracts::topics::{INVENTORY, INVENTORY_EVENTS, ORDERS_EVENTS};
use bowline_database::{Database, sqlstate};
use bowline_messaging::{Batch, Incoming, PartitionWrites};
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::broker::envelope;
use crate::stage::{SAID, Service, kafka, key, key_in, message, outbox, steady};

const WRITERS: u64 = 12;
const TRANSACTIONS: u64 = 40;
const MESSAGES: u64 = 6;

/// Lanes that show a sequence without showing all before it.
async fn lanes_with_holes(database: &Database) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM (
             SELECT FROM messaging.outbox GROUP BY lane HAVING count(*) <> max(sequence) OR min(sequence) <> 1) holes",
    )
    .fetch_one(&mut *database.acquire().await.unwrap())
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twelve_writers_on_many_lanes_neither_deadlock_nor_leave_holes() {
    let service = Service::orders().await;
    let database = service.open();
    let outbox = outbox(&database).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (database, outbox) = (database.clone(), outbox.clone());
        writers.spawn(async move {
            for number in 0..TRANSACTIONS {
                // Lanes in an order of its own for every transaction: multiplication scatters the keys.
                let messages = (0..MESSAGES).map(|nth| {
                    let scattered = (writer * 7919 + number * 104_729 + nth * 1_299_709) % 100_003;
                    message(if nth % 2 == 0 { &ORDERS_EVENTS } else { &INVENTORY_EVENTS }, key(scattered))
                });
                let mut transaction = database.begin().await.unwrap();
                outbox.append(&mut transaction, messages.collect()).await.unwrap();
                transaction.commit().await.unwrap();
            }
        });
    }
    let mut looks = 0;
    while let Some(ended) = writers
        .try_join_next()
        .map_or_else(|| if writers.is_empty() { None } else { Some(None) }, |ended| Some(Some(ended)))
    {
        if let Some(ended) = ended {
            ended.unwrap();
        }
        assert_eq!(lanes_with_holes(&database).await, 0, "whoever sees a sequence sees all before it");
        looks += 1;
    }
    assert!(looks > WRITERS);
    let expected = (WRITERS * TRANSACTIONS * MESSAGES).cast_signed();
    assert_eq!(service.number("SELECT count(*) FROM messaging.outbox").await, expected);
    assert_eq!(
        service.number("SELECT sum(next_sequence - 1)::bigint FROM messaging.lane_heads").await,
        expected
    );
    assert_eq!(lanes_with_holes(&database).await, 0);
}

#[tokio::test]
async fn heads_taken_in_any_order_deadlock() {
    // The naive way, to show what the order of locks in `Outbox::append` is for.
    let service = Service::orders().await;
    let database = service.open();
    outbox(&database).await;
    let naive = "UPDATE messaging.lane_heads SET next_sequence = next_sequence + 1 WHERE lane = $1";
    let mut one = database.begin().await.unwrap();
    let mut other = database.begin().await.unwrap();
    sqlx::query(naive).bind(1).execute(&mut *one).await.unwrap();
    sqlx::query(naive).bind(2).execute(&mut *other).await.unwrap();
    let (first, second) = tokio::join!(
        sqlx::query(naive).bind(2).execute(&mut *one),
        // The one that fails must let go, so that the other ends.
        async {
            let result = sqlx::query(naive).bind(1).execute(&mut *other).await;
            drop(other);
            result
        }
    );
    let error = bowline_database::Error::from(first.and(second).unwrap_err());
    assert_eq!(error.sqlstate().as_deref(), Some(sqlstate::DEADLOCK_DETECTED));
}

#[tokio::test]
async fn a_batch_locks_its_watermarks_only_behind_its_partitions() {
    const PARTITION: u16 = 3;
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let database = inventory.register(&kafka, steady()).await.database();
    let heard = Incoming {
        input: 0,
        topic: &ORDERS_EVENTS,
        partition: PARTITION,
        offset: 0,
        key: key_in(PARTITION, 0),
        envelope: envelope(SAID, 1),
        payload: Bytes::new(),
    };
    let mut connection = inventory.connect().await;
    let batch = Batch::<()>::of_messages(&mut connection, INVENTORY, vec![heard]).await.unwrap();
    let mut holder = database.begin().await.unwrap();
    sqlx::query("SELECT FROM messaging.partitions WHERE partition = 3 FOR UPDATE")
        .execute(&mut *holder)
        .await
        .unwrap();

    let mut waiting = JoinSet::new();
    let other = database.clone();
    waiting.spawn(async move {
        let mut transaction = other.begin().await.unwrap();
        batch.admit(&mut transaction, &mut PartitionWrites::default(), &[PARTITION]).await.unwrap()
    });
    let waits = "SELECT count(*) FROM pg_stat_activity
                  WHERE datname = current_database() AND wait_event_type = 'Lock'";
    inventory.number_becomes(waits, 1).await;
    sqlx::query("SELECT FROM messaging.watermarks FOR UPDATE NOWAIT").execute(&mut connection).await.unwrap();

    holder.commit().await.unwrap();
    let admission = waiting.join_next().await.unwrap().unwrap();
    assert_eq!(admission.foreign(), [PARTITION], "nothing was known of it");
}
