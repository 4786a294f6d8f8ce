//! What a topic has lost is brought by its source, and the lane goes on by itself.

use bowline_contracts::topics::{ORDERS_EVENTS, PARTITIONS};
use bowline_messaging::Healed;

use crate::broker::{Speaker, delete_records, key_of, published};
use crate::serving::{Source, asking, free_address};
use crate::stage::{Replica, Service, append, kafka, steady};

/// The first and last sequences of the gaps that were healed, by partition.
async fn healed_gaps(consumer: &Service) -> Vec<(i16, i64, i64)> {
    let rows = "SELECT partition, first_sequence, last_sequence FROM messaging.healed_gaps
                 WHERE consumer = 'inventory' AND topic = 'orders.events.v1' AND source = 'orders'
                   AND healed_at >= found_at
                 ORDER BY partition, first_sequence";
    sqlx::query_as(rows).fetch_all(&mut consumer.connect().await).await.unwrap()
}

/// Waits until so many gaps are reported.
async fn heals(consumer: &Service, replica: &Replica, gaps: i64, messages: u64) {
    consumer.number_becomes("SELECT count(*) FROM messaging.healed_gaps", gaps).await;
    let healed = *replica.node.healed().borrow();
    assert_eq!(healed, Healed { gaps: gaps.unsigned_abs(), messages });
}

/// The keys of the messages with these sequences.
fn keys(partition: u16, sequences: std::ops::RangeInclusive<i64>) -> impl Iterator<Item = uuid::Uuid> {
    sequences.map(move |sequence| key_of(partition, sequence))
}

#[tokio::test]
async fn a_gap_is_healed_while_the_other_lanes_flow() {
    // The source publishes elsewhere: on the consumer's topic lies only what the speaker says.
    let (inventory, elsewhere, kafka) = (Service::inventory().await, kafka().await, kafka().await);
    let address = free_address().await;
    let orders = Service::orders().await;
    let replica = inventory.start(&kafka, asking(address)).await;
    replica.node.topics_ready().await;
    let registered = orders.register(&elsewhere, steady()).await;
    let said: Vec<_> = keys(2, 1..=5).chain(keys(7, 1..=3)).collect();
    let sent = append(&registered.database(), &registered.outbox(), &said).await;
    let speaker = Speaker::of(&kafka, sent[0].incarnation);
    speaker.say(2, [1, 4, 5]).await;
    speaker.say(7, [1, 2, 3]).await;
    assert_eq!(inventory.applies(4).await, [(2, vec![1]), (7, vec![1, 2, 3])].into());
    assert_eq!(replica.troubles().await.gaps, ["orders.events.v1/2: sequence 2 of orders"]);

    // The source comes only now; nobody has to tell the consumer.
    let source = Source::start_at(orders, &elsewhere, address).await;
    assert_eq!(inventory.applies(8).await[&2], [1, 2, 3, 4, 5]);
    heals(&inventory, &replica, 1, 2).await;
    assert_eq!(healed_gaps(&inventory).await, [(2, 2, 3)]);
    replica.has_no_troubles().await;

    // What was brought is not applied again when it is published after all.
    speaker.say(2, [2, 3, 6]).await;
    assert_eq!(inventory.applies(9).await[&2], [1, 2, 3, 4, 5, 6]);
    replica.drain().await;
    source.stop().await;
}

#[tokio::test]
async fn lost_last_messages_are_found_and_healed_page_by_page() {
    let (inventory, elsewhere, kafka) = (Service::inventory().await, kafka().await, kafka().await);
    let source = Source::start(&elsewhere).await;
    source.say(std::iter::repeat_n(key_of(2, 1), 1_203)).await;
    source.say(keys(7, 1..=2)).await;
    source.publishes(1_205).await;
    let replica = inventory.start(&kafka, source.asked()).await;
    replica.node.topics_ready().await;
    Speaker::of(&kafka, source.incarnation().await).say(2, [1, 2]).await;

    let applied = inventory.applies(1_205).await;
    assert_eq!(applied[&7], [1, 2], "a lane of which nothing has ever come");
    assert!(applied[&2].iter().copied().eq(1..=1_203));
    let reported = "SELECT count(*) FROM messaging.healed_gaps WHERE last_sequence = 1203 AND partition = 2";
    inventory.number_becomes(reported, 1).await;
    replica.has_no_troubles().await;
    replica.drain().await;
    source.stop().await;
}

#[tokio::test]
async fn deleted_records_are_healed_the_last_ones_included() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let source = Source::start(&kafka).await;
    source.say(keys(2, 1..=2).chain(keys(5, 1..=2)).chain(keys(7, 1..=2))).await;
    let replica = inventory.start(&kafka, source.asked()).await;
    inventory.applies(6).await;
    let lag =
        "SELECT count(*) FROM messaging.positions WHERE topic = 'orders.events.v1' AND next_offset >= 2";
    inventory.number_becomes(lag, 3).await;
    replica.drain().await;

    source.say(keys(2, 3..=6).chain(keys(5, 3..=6)).chain(keys(7, 3..=6))).await;
    source.publishes(18).await;
    // Of lane 2 all that is unread, of lane 5 a part, of lane 7 nothing.
    let unread = published(&kafka, &ORDERS_EVENTS).await;
    assert_eq!(unread[&2], [1, 2, 3, 4, 5, 6]);
    delete_records(&kafka, &ORDERS_EVENTS, 2, None).await;
    delete_records(&kafka, &ORDERS_EVENTS, 5, Some(4)).await;

    let replica = inventory.start(&kafka, source.asked()).await;
    let all: Vec<i64> = (1..=6).collect();
    let expected = [(2, all.clone()), (5, all.clone()), (7, all)].into();
    assert_eq!(inventory.applies(18).await, expected);
    heals(&inventory, &replica, 2, 6).await;
    assert_eq!(healed_gaps(&inventory).await, [(2, 3, 6), (5, 3, 4)]);
    replica.has_no_troubles().await;
    source.say(keys(2, 7..=7)).await;
    assert_eq!(inventory.applies(19).await[&2], [1, 2, 3, 4, 5, 6, 7]);
    replica.drain().await;
    source.stop().await;
}

#[tokio::test]
async fn every_record_of_every_partition_is_deleted_and_all_is_healed() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let source = Source::start(&kafka).await;
    let all = |sequences: std::ops::RangeInclusive<i64>| {
        (0..PARTITIONS).flat_map(move |partition| keys(partition, sequences.clone()))
    };
    source.say(all(1..=2)).await;
    let replica = inventory.start(&kafka, source.asked()).await;
    inventory.applies(2 * usize::from(PARTITIONS)).await;
    let read =
        "SELECT count(*) FROM messaging.positions WHERE topic = 'orders.events.v1' AND next_offset >= 2";
    inventory.number_becomes(read, PARTITIONS.into()).await;
    replica.drain().await;

    source.say(all(3..=6)).await;
    source.publishes(6 * i64::from(PARTITIONS)).await;
    for partition in 0..PARTITIONS {
        delete_records(&kafka, &ORDERS_EVENTS, partition, None).await;
    }
    let replica = inventory.start(&kafka, source.asked()).await;
    let applied = inventory.applies(6 * usize::from(PARTITIONS)).await;
    assert!(applied.values().all(|sequences| *sequences == [1, 2, 3, 4, 5, 6]), "{applied:?}");
    heals(&inventory, &replica, PARTITIONS.into(), 4 * u64::from(PARTITIONS)).await;
    replica.has_no_troubles().await;
    replica.drain().await;
    source.stop().await;
}

#[tokio::test]
async fn what_the_source_cannot_bring_stops_the_lane_and_says_so() {
    let (inventory, elsewhere, kafka) = (Service::inventory().await, kafka().await, kafka().await);
    let source = Source::start(&elsewhere).await;
    // What lane 5 lacks is there; what was seen behind it is not, and must not be applied as if it were.
    source.say(keys(2, 1..=4).chain(keys(5, 1..=3)).chain(keys(7, 1..=1))).await;
    let forget = "DELETE FROM messaging.outbox USING messaging.lanes
                   WHERE outbox.lane = lanes.lane AND partition = 2 AND sequence <= 2";
    sqlx::query(forget).execute(&mut source.service.owner().await).await.unwrap();
    let replica = inventory.start(&kafka, source.asked()).await;
    replica.node.topics_ready().await;
    let speaker = Speaker::of(&kafka, source.incarnation().await);
    speaker.say(2, [1, 3, 4]).await;
    speaker.say(5, [1, 2, 4]).await;
    speaker.say(7, [1]).await;

    let stopped = replica.stops(2).await;
    let [gone, ahead] = &stopped[..] else { panic!("{stopped:?}") };
    let expected = "orders.events.v1/2: orders behind sequence 1: the source no longer has sequence 2";
    assert!(gone.starts_with(expected), "{gone}");
    let expected = "orders.events.v1/5: orders behind sequence 2: sequence 4 was seen, but the source has given out only 3";
    assert!(ahead.starts_with(expected), "{ahead}");
    assert!(replica.troubles().await.gaps.is_empty());
    assert_eq!(inventory.applies(4).await, [(2, vec![1]), (5, vec![1, 2]), (7, vec![1])].into());
    let held =
        "SELECT next_offset FROM messaging.positions WHERE topic = 'orders.events.v1' AND partition = 2";
    inventory.number_becomes(held, 1).await;
    replica.drain().await;
    source.stop().await;
}
