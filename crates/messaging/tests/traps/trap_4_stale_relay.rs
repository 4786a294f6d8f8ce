//! A relay that was paused past its lease wakes up and publishes stale messages after its successor.

use std::sync::Arc;

use bowline_test_support::eventually;

use crate::ledger::Ask;
use crate::naive;
use crate::process::Process;
use crate::stage::{ALL, PATIENCE, Service, kafka, key_in, mortal, steady};

const LANE: u16 = 3;
const PUBLISHED: &str = "SELECT sum(sequence)::bigint FROM messaging.published";

#[tokio::test]
async fn what_a_relay_publishes_behind_its_successor_is_applied_by_a_naive_consumer_alone() {
    let (orders, inventory, kafka) =
        (Arc::new(Service::orders().await), Service::inventory().await, kafka().await);
    let listener = inventory.start(&kafka, steady()).await;
    let mut paused = Process::start(&orders, &kafka, mortal()).await;
    paused.owns(ALL).await;
    let key = key_in(LANE, 0);
    assert_eq!(paused.execute(Ask::Say(key)).await, 1);
    inventory.applies(1).await;
    // A successor would publish again what is not noted.
    orders.number_becomes(PUBLISHED, 1).await;

    paused.stall_behind(Ask::Say(key)).await;
    let successor = orders.start(&kafka, steady()).await;
    successor.owns(ALL).await;
    assert_eq!(successor.commands.execute(Ask::Say(key)).await, Ok(3));
    inventory.applies(3).await;
    assert_eq!(naive::sequences(&kafka, LANE).await, [1, 2, 3]);
    paused.resume();
    let topic = eventually("the paused relay publishes what it still has", PATIENCE, async || {
        let topic = naive::sequences(&kafka, LANE).await;
        (topic.len() > 3).then_some(topic)
    })
    .await;

    assert_eq!(topic[..4], [1, 2, 3, 2], "who applies what comes applies old over new");
    successor.say([key_in(LANE, 1)]).await;
    inventory.applies(4).await;
    paused.drain().await;
    successor.drain().await;
    listener.drain().await;
    assert_eq!(inventory.applied().await, [(LANE.cast_signed(), vec![1, 2, 3, 4])].into());
}
