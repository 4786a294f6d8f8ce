//! Several relays with `FOR UPDATE SKIP LOCKED` publish the messages of one key out of order.

use std::sync::Arc;
use std::time::Duration;

use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_messaging::LaneOptions;
use bowline_test_support::eventually;
use sqlx::PgConnection;

use crate::broker::published;
use crate::ledger::Ask;
use crate::naive;
use crate::process::Process;
use crate::stage::{ALL, PATIENCE, Service, kafka, key_in, steady};

/// Takes the next message that no other relay is at, and marks it as published.
async fn take(relay: &mut PgConnection) -> i32 {
    sqlx::query_scalar(
        "UPDATE it.outbox o SET published = true
           FROM (SELECT position FROM it.outbox WHERE NOT published ORDER BY position LIMIT 1
                    FOR UPDATE SKIP LOCKED) next
          WHERE o.position = next.position RETURNING o.version",
    )
    .fetch_one(relay)
    .await
    .unwrap()
}

#[tokio::test]
async fn relays_that_skip_each_others_locks_publish_out_of_order() {
    let service = Service::orders().await;
    naive::create_outbox(&service).await;
    let database = service.open();
    for version in [5, 6] {
        naive::append(&mut service.connect().await, version).await;
    }

    let mut topic = Vec::new();
    let mut slow = database.begin().await.unwrap();
    let taken_slowly = take(&mut slow).await;
    let mut fast = database.begin().await.unwrap();
    topic.push(take(&mut fast).await);
    fast.commit().await.unwrap();
    topic.push(taken_slowly);
    slow.commit().await.unwrap();
    assert_eq!(topic, [6, 5]);
}

#[tokio::test]
async fn a_relay_that_stands_still_is_not_overtaken_on_its_lane() {
    let (orders, kafka) = (Arc::new(Service::orders().await), kafka().await);
    let patient = LaneOptions { lease_ttl: Duration::from_hours(1), ..steady() };
    let mut slow = Process::start(&orders, &kafka, patient.clone()).await;
    slow.owns(ALL).await;
    let fast = orders.start(&kafka, patient).await;
    fast.owns(ALL / 2).await;
    let lane = slow.owns(ALL / 2).await;
    let lane_of_fast = *fast.node.owned().borrow().keys().next().unwrap();
    fast.node.topics_ready().await;

    // Both write about the same key; only the holder of the lease publishes.
    let key = key_in(lane, 0);
    slow.stall_behind(Ask::Say(key)).await;
    assert_eq!(fast.commands.execute(Ask::Say(key)).await, Ok(2));
    fast.say([key_in(lane_of_fast, 0)]).await;
    let topic = eventually("the fast relay publishes what is its own", PATIENCE, async || {
        let topic = published(&kafka, &ORDERS_EVENTS).await;
        topic.contains_key(&lane_of_fast).then_some(topic)
    })
    .await;
    assert_eq!(topic.get(&lane), None, "it has published past the one that stands still");

    slow.resume();
    let sequences = eventually("the slow relay publishes", PATIENCE, async || {
        let sequences = naive::sequences(&kafka, lane).await;
        (sequences.len() >= 2).then_some(sequences)
    })
    .await;
    assert_eq!(sequences, [1, 2]);
    slow.drain().await;
    fast.drain().await;
    assert_eq!(naive::sequences(&kafka, lane).await, [1, 2]);
}
