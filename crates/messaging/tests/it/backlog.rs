//! What is not done yet.

use std::time::Duration;

use bowline_contracts::topics::{INVENTORY_EVENTS, ORDERS_EVENTS};
use bowline_messaging::{Backlog, KafkaOptions, Waiting};
use bowline_test_support::{eventually, namespace};

use crate::broker::Speaker;
use crate::stage::{PATIENCE, Replica, Service, kafka, key_in, steady};

/// Waits until the backlog of a replica looks like that.
async fn becomes(replica: &Replica, what: &str, looks: impl Fn(&Backlog) -> bool) {
    let backlog = replica.node.backlog();
    eventually(what, PATIENCE, async || looks(&backlog.borrow()).then_some(())).await;
}

fn in_partition<'w>(waiting: &'w [Waiting], topic: &str, partition: u16) -> Option<&'w Waiting> {
    waiting.iter().find(|waiting| waiting.topic == topic && waiting.partition == partition)
}

#[tokio::test]
async fn what_is_not_applied_waits_until_it_is() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    let count = |backlog: &Backlog| {
        in_partition(&backlog.unapplied, ORDERS_EVENTS.name, 2).map(|waiting| (waiting.count, waiting.age))
    };
    replica.script.away(true);
    Speaker::new(&kafka).say(2, [1, 2]).await;
    becomes(&replica, "two wait, and have waited", |backlog| {
        count(backlog).is_some_and(|(count, age)| count == 2 && age > Duration::ZERO)
    })
    .await;
    replica.script.away(false);
    becomes(&replica, "none waits", |backlog| count(backlog) == Some((0, Duration::ZERO))).await;
    replica.drain().await;
}

#[tokio::test]
async fn what_is_not_published_waits_without_kafka() {
    let orders = Service::orders().await;
    let nowhere = KafkaOptions::new(vec!["127.0.0.1:1".into()], namespace());
    let replica = orders.start(&nowhere, steady()).await;
    replica.say([key_in(4, 0), key_in(4, 1)]).await;
    becomes(&replica, "two wait, and have waited", |backlog| {
        let waiting = in_partition(&backlog.unpublished, ORDERS_EVENTS.name, 4);
        waiting.is_some_and(|waiting| waiting.count == 2 && waiting.age > Duration::ZERO)
    })
    .await;
    let backlog = replica.node.backlog().borrow().clone();
    assert_eq!(
        in_partition(&backlog.unpublished, ORDERS_EVENTS.name, 5).map(|waiting| waiting.count),
        Some(0)
    );
    assert_eq!(in_partition(&backlog.unpublished, INVENTORY_EVENTS.name, 4), None, "it does not send there");
    replica.drain().await;
}

#[tokio::test]
async fn a_snapshot_that_somebody_holds_is_seen_whoever_it_is() {
    const BUSY: i32 = 500;
    let orders = Service::orders().await;
    let nowhere = KafkaOptions::new(vec!["127.0.0.1:1".into()], namespace());
    let replica = orders.start(&nowhere, steady()).await;
    // Another role's session that has looked at something and sleeps in its transaction.
    let mut forgotten = orders.owner().await;
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM messaging.lanes")
        .execute(&mut forgotten)
        .await
        .unwrap();
    let mut busy = orders.owner().await;
    for _ in 0..BUSY {
        // Nothing but a transaction that has a number.
        sqlx::query("SELECT pg_current_xact_id()").execute(&mut busy).await.unwrap();
    }
    let least = u64::from(BUSY.unsigned_abs());
    becomes(&replica, "the snapshot is seen", |backlog| backlog.oldest_snapshot >= least).await;
    sqlx::raw_sql("COMMIT").execute(&mut forgotten).await.unwrap();
    becomes(&replica, "it is let go", |backlog| backlog.oldest_snapshot < least).await;
    replica.drain().await;
}
