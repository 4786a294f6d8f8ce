//! What is missing holds its lane, and nothing else.

use bowline_contracts::envelope::Envelope;

use crate::broker::{Speaker, envelope};
use crate::stage::{SAID, Service, kafka, steady};

#[tokio::test]
async fn a_gap_holds_its_lane_alone_until_the_message_comes() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    let speaker = Speaker::new(&kafka);
    speaker.say(2, [1, 3, 4]).await;
    speaker.say(7, [1, 2, 3]).await;

    // A consumer that goes by offsets would have applied 1, 3 and 4.
    assert_eq!(replica.troubles().await.gaps, ["orders.events.v1/2: sequence 2 of orders"]);
    assert_eq!(inventory.applies(4).await, [(2, vec![1]), (7, vec![1, 2, 3])].into());
    inventory
        .number_becomes(
            "SELECT next_offset FROM messaging.positions WHERE topic = 'orders.events.v1' AND partition = 2",
            1,
        )
        .await;

    speaker.say(2, [2, 3]).await;
    assert_eq!(inventory.applies(7).await, [(2, vec![1, 2, 3, 4]), (7, vec![1, 2, 3])].into());
    replica.has_no_troubles().await;
    speaker.say(2, [5]).await;
    assert_eq!(inventory.applies(8).await[&2], [1, 2, 3, 4, 5]);
    replica.drain().await;
}

#[tokio::test]
async fn a_gap_survives_a_restart() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    let speaker = Speaker::new(&kafka);
    speaker.say(2, [1, 3]).await;
    replica.troubles().await;
    replica.drain().await;

    let replica = inventory.start(&kafka, steady()).await;
    assert_eq!(replica.troubles().await.gaps, ["orders.events.v1/2: sequence 2 of orders"]);
    speaker.say(2, [2]).await;
    assert_eq!(inventory.applies(3).await[&2], [1, 2, 3]);
    replica.drain().await;
}

#[tokio::test]
async fn a_lost_last_message_shows_by_the_announced_head() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    let speaker = Speaker::new(&kafka);
    speaker.say(2, [1]).await;
    speaker.announce(2, 1).await;
    speaker.announce(2, 2).await;
    assert_eq!(replica.troubles().await.gaps, ["orders.events.v1/2: sequence 2 of orders"]);
    speaker.say(2, [2]).await;
    assert_eq!(inventory.applies(2).await[&2], [1, 2]);
    replica.has_no_troubles().await;
    replica.drain().await;
}

#[tokio::test]
async fn what_is_no_message_of_ours_is_passed_over() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    let speaker = Speaker::new(&kafka);
    speaker.say(2, [1]).await;
    speaker.babble(2).await;
    speaker.say(2, [2]).await;
    speaker.say(7, [1]).await;
    assert_eq!(inventory.applies(3).await, [(2, vec![1, 2]), (7, vec![1])].into());
    // Had it been one of ours once, a sequence would be missing.
    speaker.babble(2).await;
    speaker.say(2, [4]).await;
    assert_eq!(replica.troubles().await.gaps, ["orders.events.v1/2: sequence 3 of orders"]);
    replica.drain().await;
}

#[tokio::test]
async fn a_source_that_nobody_registered_stops_its_partition_and_shows() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    let speaker = Speaker::new(&kafka);
    speaker.send(2, &Envelope { source: "stranger".into(), ..envelope(SAID, 1) }).await;
    let expected =
        "orders.events.v1/2: every source from offset 0: source stranger is not registered for this topic";
    assert_eq!(replica.troubles().await.stopped, [expected]);
    replica.drain().await;
}
