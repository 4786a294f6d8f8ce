//! Whether what lies on an input topic is applied.

use std::collections::BTreeSet;
use std::time::Duration;

use bowline_contracts::envelope::Envelope;
use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_messaging::KafkaOptions;
use bowline_test_support::{eventually, namespace};

use uuid::Uuid;

use crate::broker::{Speaker, envelope};
use crate::stage::{PATIENCE, Replica, SAID, Service, kafka, steady};

/// Long enough for what is not caught up to show that it will not be.
const SOON: Duration = Duration::from_secs(3);

/// Those of these partitions that are caught up.
async fn caught_up(replica: &Replica, partitions: &[u16], patience: Duration) -> Vec<u16> {
    let partitions: BTreeSet<u16> = partitions.iter().copied().collect();
    replica.node.inputs().caught_up(&ORDERS_EVENTS, &partitions, patience).await.into_iter().collect()
}

#[tokio::test]
async fn what_is_applied_or_needs_nothing_done_is_caught_up() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    let speaker = Speaker::new(&kafka);
    speaker.say(2, [1, 2]).await;
    // Duplicates and announcements lie behind the stored position while nothing else comes.
    speaker.say(2, [1, 2]).await;
    speaker.announce(2, 2).await;
    assert_eq!(caught_up(&replica, &[2, 7], PATIENCE).await, [2, 7]);
    assert_eq!(inventory.applied().await, [(2, vec![1, 2])].into(), "caught up means applied");
    replica.drain().await;
}

#[tokio::test]
async fn a_lane_that_waits_or_has_stopped_is_not_caught_up() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    let speaker = Speaker::new(&kafka);
    speaker.say(2, [1, 3]).await;
    let foreign = Envelope { incarnation: Uuid::from_u128(1), ..envelope(SAID, 2) };
    speaker.say(5, [1]).await;
    speaker.send(5, &foreign).await;
    assert_eq!(caught_up(&replica, &[2, 5, 7], SOON).await, [7]);
    speaker.say(2, [2]).await;
    assert_eq!(caught_up(&replica, &[2, 5], SOON * 3).await, [2]);
    replica.drain().await;
}

#[tokio::test]
async fn messages_that_the_database_does_not_take_are_not_caught_up() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    replica.script.away(true);
    Speaker::new(&kafka).say(2, [1]).await;
    assert_eq!(caught_up(&replica, &[2, 7], SOON).await, [7]);
    replica.script.away(false);
    assert_eq!(caught_up(&replica, &[2, 7], PATIENCE).await, [2, 7]);
    replica.drain().await;
}

#[tokio::test]
async fn partitions_of_others_and_a_kafka_that_is_away_are_not_caught_up() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let first = inventory.start(&kafka, steady()).await;
    first.owns(crate::stage::ALL).await;
    let second = inventory.start(&kafka, steady()).await;
    second.owns(crate::stage::ALL / 2).await;
    let all: Vec<u16> = (0..ORDERS_EVENTS.partitions).collect();
    eventually("each knows its own half", PATIENCE, async || {
        let owned: Vec<u16> = second.node.owned().borrow().keys().copied().collect();
        (caught_up(&second, &all, SOON).await == owned).then_some(())
    })
    .await;
    first.drain().await;
    second.drain().await;

    let nowhere = KafkaOptions::new(vec!["127.0.0.1:1".into()], namespace());
    let replica = inventory.start(&nowhere, steady()).await;
    assert_eq!(caught_up(&replica, &all, Duration::from_millis(300)).await, [0_u16; 0]);
    replica.drain().await;
}
