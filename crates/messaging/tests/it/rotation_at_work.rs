//! Relays, consumers and readers while the outbox is rotated under them.

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_database::Database;
use bowline_messaging::{LaneOptions, LaneReadError, Outbox, Outgoing};
use bowline_test_support::eventually;
use bytes::Bytes;
use sqlx::Executor as _;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::broker::published;
use crate::stage::{
    PATIENCE, Replica, Service, append, begin, in_order, kafka, key, key_in, message, steady,
};

/// A slot is emptied in each of them. There are three, and each of the two replicas may tell of one after the round in
/// which it was: what five rounds have written lies there at the most, on whatever machine.
const ROUNDS: u64 = 40;
const WRITERS: u64 = 4;
/// Messages of one writer in one round, a transaction each.
const MESSAGES: u64 = 20;
const PAYLOAD: u32 = 1_500;

const SIZE: &str = "SELECT sum(pg_total_relation_size(inhrelid))::int8 FROM pg_inherits
                     WHERE inhparent = 'messaging.outbox'::regclass";

fn hurried() -> LaneOptions {
    LaneOptions { outbox_retention: Duration::from_millis(300), ..steady() }
}

/// How many slots both replicas have emptied.
fn emptied(replicas: &[Replica; 2]) -> u64 {
    replicas.iter().map(|replica| replica.node.rotated().borrow().slots).sum()
}

/// Several writers at once, each on lanes of every partition.
async fn write_round(round: u64, database: &Database, outbox: &Outbox) {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (database, outbox) = (database.clone(), outbox.clone());
        writers.spawn(async move {
            for nth in 0..MESSAGES {
                let key = key((round * WRITERS + writer) * MESSAGES + nth);
                let payload = Bytes::from(vec![b'.'; PAYLOAD as usize]);
                let mut transaction = begin(&database).await;
                let messages = vec![Outgoing { payload, ..message(&ORDERS_EVENTS, key) }];
                outbox.append(&mut transaction, messages).await.unwrap();
                transaction.commit().await.unwrap();
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_load_the_outbox_stays_small_and_nothing_is_lost() {
    let (orders, inventory, kafka) = (Service::orders().await, Service::inventory().await, kafka().await);
    let listener = inventory.start(&kafka, steady()).await;
    let replicas = [orders.start(&kafka, hurried()).await, orders.start(&kafka, hurried()).await];
    let (database, outbox) = (orders.open(), orders.register(&kafka, hurried()).await.outbox());
    let mut largest = 0;
    for round in 0..ROUNDS {
        let before = emptied(&replicas);
        write_round(round, &database, &outbox).await;
        eventually("a slot is emptied", PATIENCE, async || (emptied(&replicas) > before).then_some(())).await;
        largest = largest.max(orders.number(SIZE).await);
    }
    let messages = ROUNDS * WRITERS * MESSAGES;
    let written = messages.cast_signed() * i64::from(PAYLOAD);
    // What is not emptied stays: all that was written. Five rounds are an eighth of it, and a table that many writers
    // want to grow at once grows by up to 20 pages for each that waits, which makes up to half a megabyte a slot.
    assert!(largest < written * 2 / 3, "{largest} bytes at the most, {written} were written");

    let applied = inventory.applies(usize::try_from(messages).unwrap()).await;
    assert!(in_order(&applied), "{applied:?}");
    orders.number_becomes("SELECT count(*) FROM messaging.outbox", 0).await;
    let unpublished = "SELECT count(*) FROM messaging.lane_heads JOIN messaging.published USING (lane)
                        WHERE sequence <> next_sequence - 1";
    assert_eq!(orders.number(unpublished).await, 0);
    let given = "SELECT sum(next_sequence - 1)::int8 FROM messaging.lane_heads";
    assert_eq!(orders.number(given).await, messages.cast_signed());
    let freed: u64 = replicas.iter().map(|replica| replica.node.rotated().borrow().bytes).sum();
    assert!(freed > messages * u64::from(PAYLOAD), "{freed}");
    listener.has_no_troubles().await;
    for replica in replicas {
        replica.drain().await;
    }
    listener.drain().await;
}

#[tokio::test]
async fn what_was_rotated_out_is_said_to_be_gone() {
    let (orders, kafka) = (Service::orders().await, kafka().await);
    let registered = orders.register(&kafka, steady()).await;
    let (database, outbox) = (registered.database(), registered.outbox());
    append(&database, &outbox, &[key_in(3, 0), key_in(3, 1)]).await;
    let mut owner = orders.owner().await;
    owner.execute("UPDATE messaging.outbox_slot SET slot = 1").await.unwrap();
    append(&database, &outbox, &[key_in(3, 2), key_in(3, 3)]).await;
    let replica = orders.start(&kafka, steady()).await;
    orders.number_becomes("SELECT max(sequence) FROM messaging.published", 4).await;
    let reader = replica.lane_reader().await;
    assert_eq!(reader.read(ORDERS_EVENTS.name, 3, 0, 4).await.unwrap().len(), 4, "over both slots");

    owner.execute("TRUNCATE messaging.outbox_0").await.unwrap();
    let gone = reader.read(ORDERS_EVENTS.name, 3, 0, 4).await.unwrap_err();
    assert!(matches!(gone, LaneReadError::Gone { first: 1 }), "{gone:?}");
    let kept = reader.read(ORDERS_EVENTS.name, 3, 2, 4).await.unwrap();
    assert_eq!(kept.iter().map(|message| message.envelope.sequence).collect::<Vec<_>>(), [3, 4]);
    let (_, heads) = reader.heads(ORDERS_EVENTS.name, &[3]).await.unwrap();
    assert_eq!((heads[0].last, heads[0].published), (4, 4));
    replica.drain().await;
}

#[tokio::test]
async fn a_relay_goes_on_behind_what_another_has_published_and_rotation_has_taken() {
    let (orders, kafka) = (Service::orders().await, kafka().await);
    let registered = orders.register(&kafka, steady()).await;
    append(&registered.database(), &registered.outbox(), &[0, 1, 2].map(|nth| key_in(6, nth))).await;
    let mut owner = orders.owner().await;
    owner.execute("DELETE FROM messaging.outbox WHERE sequence = 2").await.unwrap();
    let speaker = orders.start(&kafka, steady()).await;
    orders.number_becomes("SELECT max(sequence) FROM messaging.published", 1).await;

    // As if this one had stood still for all the time that the message was kept.
    owner.execute("UPDATE messaging.published SET sequence = 2 WHERE sequence = 1").await.unwrap();
    orders.number_becomes("SELECT max(sequence) FROM messaging.published", 3).await;
    assert_eq!(published(&kafka, &ORDERS_EVENTS).await, BTreeMap::from([(6, vec![1, 3])]));
    speaker.drain().await;
}

#[tokio::test]
async fn the_heads_of_lanes_whose_messages_are_rotated_out_are_announced_in_the_present_history() {
    let (orders, inventory, kafka) = (Service::orders().await, Service::inventory().await, kafka().await);
    let listener = inventory.start(&kafka, steady()).await;
    let speaker = orders.start(&kafka, steady()).await;
    speaker.say([key_in(6, 0), key_in(7, 0)]).await;
    inventory.applies(2).await;
    speaker.drain().await;

    // Lane 6 ends in the first history, lane 7 in the second; the topic has lost both ends.
    let first = orders.register(&kafka, steady()).await;
    append(&first.database(), &first.outbox(), &[key_in(6, 1)]).await;
    let mut owner = orders.owner().await;
    owner.execute("UPDATE messaging.incarnations SET timeline = timeline + 1").await.unwrap();
    let second = orders.register(&kafka, steady()).await;
    append(&second.database(), &second.outbox(), &[key_in(7, 1)]).await;
    owner.execute("UPDATE messaging.published SET sequence = 2 WHERE sequence = 1").await.unwrap();
    owner.execute("TRUNCATE messaging.outbox").await.unwrap();
    let histories = "SELECT incarnation FROM messaging.incarnations ORDER BY parent NULLS FIRST";
    let histories: Vec<Uuid> = sqlx::query_scalar(histories).fetch_all(&mut owner).await.unwrap();

    let speaker = orders.start(&kafka, steady()).await;
    let mut troubles = listener.node.troubles();
    let both = troubles.wait_for(|troubles| troubles.stopped.len() == 2);
    let both = tokio::time::timeout(PATIENCE, both).await.unwrap().unwrap().clone();
    for (lane, stopped) in
        ["orders.events.v1/6: orders", "orders.events.v1/7: orders"].iter().zip(&both.stopped)
    {
        assert!(stopped.starts_with(lane) && stopped.contains(&histories[1].to_string()), "{both:?}");
    }
    speaker.drain().await;
    listener.drain().await;
}
