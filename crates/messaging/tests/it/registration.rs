//! Inputs are registered once; what gets lost afterwards is never guessed.

use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_messaging::Wiring;
use bowline_messaging::tail::{From, Tail};

use crate::broker::{Speaker, create_topic, delete_topic, published};
use crate::stage::{Service, kafka, steady};

#[tokio::test]
async fn a_missing_watermark_is_reported_and_never_made_up() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    let speaker = Speaker::new(&kafka);
    speaker.say(2, [1]).await;
    speaker.say(7, [1]).await;
    inventory.applies(2).await;
    replica.drain().await;
    sqlx::query("DELETE FROM messaging.watermarks WHERE partition = 2")
        .execute(&mut inventory.owner().await)
        .await
        .unwrap();

    let replica = inventory.start(&kafka, steady()).await;
    let troubles = replica.troubles().await;
    assert_eq!(
        troubles.stopped,
        [
            "partition 2: consumer inventory has no watermark for orders on orders.events.v1, partition 2, although it \
          registered that input: restore the row, guessing would skip or repeat messages"
        ]
    );
    speaker.say(2, [2]).await;
    speaker.say(7, [2]).await;
    assert_eq!(inventory.applies(3).await, [(2, vec![1]), (7, vec![1, 2])].into());
    let marks = "SELECT count(*) FROM messaging.watermarks WHERE partition = 2";
    assert_eq!(inventory.number(marks).await, 0);

    let restore = "INSERT INTO messaging.watermarks (consumer, topic, source, partition, sequence)
                   VALUES ('inventory', 'orders.events.v1', 'orders', 2, 1)";
    sqlx::query(restore).execute(&mut inventory.owner().await).await.unwrap();
    assert_eq!(inventory.applies(4).await[&2], [1, 2]);
    replica.has_no_troubles().await;
    replica.drain().await;
}

#[tokio::test]
async fn a_topic_made_again_is_read_from_its_beginning() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    Speaker::new(&kafka).say(2, [1, 2, 3]).await;
    inventory.applies(3).await;
    let position =
        "SELECT next_offset FROM messaging.positions WHERE topic = 'orders.events.v1' AND partition = 2";
    inventory.number_becomes(position, 3).await;
    replica.drain().await;

    delete_topic(&kafka, &ORDERS_EVENTS).await;
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    // Fewer than the old position: whoever goes on there reads nothing, or fails.
    Speaker::new(&kafka).say(2, [3, 4]).await;
    assert_eq!(inventory.applies(4).await[&2], [1, 2, 3, 4]);
    assert_eq!(published(&kafka, &ORDERS_EVENTS).await[&2], [3, 4]);
    replica.drain().await;
}

#[tokio::test]
async fn a_reader_of_topics_waits_for_one_that_is_not_known_yet() {
    let kafka = kafka().await;
    let topics = [&ORDERS_EVENTS];
    let opening = Tail::open(&kafka, &topics, From::Beginning);
    let (tail, ()) = tokio::join!(opening, create_topic(&kafka, &ORDERS_EVENTS));
    let mut tail = tail.unwrap();
    Speaker::new(&kafka).say(2, [1]).await;
    assert_eq!(tail.next().await.unwrap()[0].envelope.sequence, 1);
}

#[tokio::test]
async fn only_a_service_whose_writes_are_derived_commits_without_the_disk() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    for (derived, expected) in [(false, "on"), (true, "off")] {
        let wiring = Wiring { derived, ..inventory.wiring() };
        let database = inventory.register_as(wiring, &kafka, steady()).await.database();
        let waits: String = sqlx::query_scalar("SHOW synchronous_commit")
            .fetch_one(&mut *database.acquire().await.unwrap())
            .await
            .unwrap();
        assert_eq!(waits, expected, "derived: {derived}");
    }
}
