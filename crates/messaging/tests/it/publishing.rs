//! From commit to broker: everything, in order, and more than once at the worst.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_messaging::{KafkaOptions, LaneOptions};
use bowline_test_support::eventually;

use crate::broker::published;
use crate::stage::{ALL, PATIENCE, Service, append, in_order, kafka, key, key_in, mortal, steady};

const UNPUBLISHED: &str = "SELECT sum(next_sequence - 1 - sequence)::bigint
                             FROM messaging.lane_heads JOIN messaging.published USING (lane)";
const PUBLISHED: &str = "SELECT sum(sequence)::bigint FROM messaging.published";
const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
                        WHERE datname = current_database() AND wait_event_type = 'Lock'";
/// Counts those that wait for a lock and are gone.
const CUT_THE_WAITING: &str =
    "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
                                WHERE datname = current_database() AND wait_event_type = 'Lock'";

/// How often each message lies on the topic: (the least, the most), and how many different ones there are.
async fn copies(kafka: &KafkaOptions) -> (usize, usize, usize) {
    let mut copies: BTreeMap<(u16, i64), usize> = BTreeMap::new();
    for (partition, sequences) in published(kafka, &ORDERS_EVENTS).await {
        for sequence in sequences {
            *copies.entry((partition, sequence)).or_default() += 1;
        }
    }
    let (least, most) = (copies.values().min().copied(), copies.values().max().copied());
    (least.unwrap_or(0), most.unwrap_or(0), copies.len())
}

#[tokio::test]
async fn what_is_published_again_after_a_lost_note_is_applied_once() {
    let (orders, inventory, kafka) = (Service::orders().await, Service::inventory().await, kafka().await);
    let speaker = orders.start(&kafka, steady()).await;
    let listener = inventory.start(&kafka, steady()).await;
    speaker.say((0..50).map(key)).await;
    inventory.applies(50).await;
    speaker.drain().await;
    sqlx::query("UPDATE messaging.published SET sequence = 0")
        .execute(&mut orders.connect().await)
        .await
        .unwrap();

    let speaker = orders.start(&kafka, steady()).await;
    speaker.say((50..60).map(key)).await;
    let applied = inventory.applies(60).await;
    orders.number_becomes(UNPUBLISHED, 0).await;
    assert_eq!(
        copies(&kafka).await,
        (1, 2, 60),
        "a consumer without watermarks would have applied fifty of them twice"
    );
    assert!(in_order(&applied), "{applied:?}");
    speaker.drain().await;
    listener.drain().await;
    let applied = inventory.applied().await;
    assert!(in_order(&applied), "{applied:?}");
    assert_eq!(inventory.number("SELECT sum(sequence)::bigint FROM messaging.watermarks").await, 60);
}

#[tokio::test]
async fn a_crash_between_publishing_and_noting_loses_nothing_and_repeats_nothing() {
    let (orders, inventory, kafka) = (Service::orders().await, Service::inventory().await, kafka().await);
    let listener = inventory.start(&kafka, steady()).await;
    let speaker = orders.start(&kafka, mortal()).await;
    speaker.owns(ALL).await;
    let hold = orders.open();
    let mut notes = hold.begin().await.unwrap();
    sqlx::query("SET LOCAL idle_in_transaction_session_timeout = 0").execute(&mut *notes).await.unwrap();
    sqlx::query("SELECT FROM messaging.published FOR UPDATE").execute(&mut *notes).await.unwrap();
    speaker.say((0..30).map(key)).await;
    inventory.applies(30).await;
    orders.number_becomes(WAITING, 1).await;
    drop(speaker);
    // The server would write the note when the lock is gone, although nobody waits for its answer.
    orders.number(CUT_THE_WAITING).await;
    assert_eq!(orders.number(PUBLISHED).await, 0, "nothing is noted");
    notes.rollback().await.unwrap();

    let successor = orders.start(&kafka, mortal()).await;
    successor.say((30..40).map(key)).await;
    let applied = inventory.applies(40).await;
    orders.number_becomes(PUBLISHED, 40).await;
    let (least, most, different) = copies(&kafka).await;
    assert_eq!((least, different), (1, 40));
    assert!(most >= 2, "what was not noted is published again");
    assert!(in_order(&applied), "{applied:?}");
    successor.drain().await;
    listener.drain().await;
    assert!(in_order(&inventory.applied().await));
}

#[tokio::test]
async fn two_publishers_on_the_same_lanes_lead_to_duplicates_only() {
    let (orders, inventory, kafka) = (Service::orders().await, Service::inventory().await, kafka().await);
    let listener = inventory.start(&kafka, steady()).await;
    // The first one does not look at its leases for long, so it goes on after they were given away.
    let sleepy = LaneOptions {
        lease_ttl: Duration::from_hours(1),
        lease_renewal: Duration::from_mins(20),
        ..LaneOptions::default()
    };
    let first = orders.start(&kafka, sleepy).await;
    first.owns(ALL).await;
    let second = orders.start(&kafka, steady()).await;
    orders.number_becomes("SELECT count(*) FROM messaging.members", 2).await;
    let give_away =
        "UPDATE messaging.leases SET epoch = epoch + 1, expires_at = clock_timestamp() + interval '1 hour',
                       holder = (SELECT member FROM messaging.members m WHERE m.member <> holder)";
    sqlx::query(give_away).execute(&mut orders.connect().await).await.unwrap();
    // All of them, or its fair share of them: it hands the rest over at its next beat.
    eventually("the second one believes to own some", PATIENCE, async || {
        (second.owned_count() > 0).then_some(())
    })
    .await;
    assert_eq!(first.owned_count(), ALL);
    for number in 0..20 {
        first.say((0..5).map(|nth| key(number * 10 + nth))).await;
        second.say((5..10).map(|nth| key(number * 10 + nth))).await;
    }
    let applied = inventory.applies(200).await;
    orders.number_becomes(UNPUBLISHED, 0).await;
    let doubles = eventually("some messages lie there twice", PATIENCE, async || {
        let (_, most, different) = copies(&kafka).await;
        (most >= 2).then_some(different)
    })
    .await;
    assert_eq!(doubles, 200);
    assert!(in_order(&applied), "{applied:?}");
    first.drain().await;
    second.drain().await;
    listener.drain().await;
    assert!(in_order(&inventory.applied().await));
}

#[tokio::test]
async fn a_lost_last_message_shows_although_its_source_has_restarted() {
    let (orders, inventory, kafka) = (Service::orders().await, Service::inventory().await, kafka().await);
    let listener = inventory.start(&kafka, steady()).await;
    let registered = orders.register(&kafka, steady()).await;
    append(&registered.database(), &registered.outbox(), &[key_in(6, 0)]).await;
    // Noted as published, but the broker has lost it.
    let note = |sequence: i64| {
        sqlx::query(
            "UPDATE messaging.published SET sequence = $1
              WHERE lane = (SELECT lane FROM messaging.lanes WHERE partition = 6)",
        )
        .bind(sequence)
    };
    note(1).execute(&mut orders.connect().await).await.unwrap();
    let speaker = orders.start(&kafka, steady()).await;
    assert_eq!(listener.troubles().await.gaps, ["orders.events.v1/6: sequence 1 of orders"]);
    speaker.drain().await;

    note(0).execute(&mut orders.connect().await).await.unwrap();
    let speaker = orders.start(&kafka, steady()).await;
    assert_eq!(inventory.applies(1).await, [(6, vec![1])].into());
    listener.has_no_troubles().await;
    speaker.drain().await;
    listener.drain().await;
}

#[tokio::test]
async fn a_message_that_the_outbox_has_lost_holds_its_lane_alone() {
    let (orders, inventory, kafka) = (Service::orders().await, Service::inventory().await, kafka().await);
    let listener = inventory.start(&kafka, steady()).await;
    let registered = orders.register(&kafka, steady()).await;
    let keys = [key_in(6, 0), key_in(6, 1), key_in(6, 2), key_in(7, 0)];
    append(&registered.database(), &registered.outbox(), &keys).await;
    sqlx::query("CREATE TABLE it.lost AS SELECT * FROM messaging.outbox WHERE sequence = 2")
        .execute(&mut orders.owner().await)
        .await
        .unwrap();
    sqlx::query("DELETE FROM messaging.outbox WHERE sequence = 2")
        .execute(&mut orders.owner().await)
        .await
        .unwrap();
    let speaker = orders.start(&kafka, steady()).await;
    assert_eq!(inventory.applies(2).await, [(6, vec![1]), (7, vec![1])].into());

    sqlx::query("INSERT INTO messaging.outbox SELECT * FROM it.lost")
        .execute(&mut orders.owner().await)
        .await
        .unwrap();
    assert_eq!(inventory.applies(4).await, [(6, vec![1, 2, 3]), (7, vec![1])].into());
    speaker.drain().await;
    listener.drain().await;
}

#[tokio::test]
async fn a_drained_replica_leaves_nothing_unpublished() {
    let (orders, kafka) = (Service::orders().await, kafka().await);
    let speaker = orders.start(&kafka, steady()).await;
    speaker.owns(ALL).await;
    speaker.node.topics_ready().await;
    speaker.say((0..200).map(key)).await;
    speaker.drain().await;
    assert_eq!(orders.number(UNPUBLISHED).await, 0);
    assert_eq!(orders.number("SELECT count(*) FROM messaging.leases WHERE holder IS NOT NULL").await, 0);
    assert_eq!(orders.number("SELECT count(*) FROM messaging.members").await, 0);
    let published = published(&kafka, &ORDERS_EVENTS).await;
    assert_eq!(published.values().map(Vec::len).sum::<usize>(), 200);
    for (partition, sequences) in &published {
        assert!(sequences.is_sorted(), "partition {partition}: {sequences:?}");
        assert_eq!(BTreeSet::from_iter(sequences).len(), sequences.len());
    }
}
