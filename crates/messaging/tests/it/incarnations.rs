//! The history in which sequences are given.

use bowline_contracts::topics::{ORDERS_EVENTS, PARTITIONS};
use bowline_messaging::Error;
use bowline_test_support::eventually;

use crate::broker::{HISTORY, Speaker, envelope, published};
use crate::ledger::Ask;
use crate::stage::{PATIENCE, SAID, Service, append, kafka, key_in, message, steady};

const CHANGE_TIMELINE: &str = "UPDATE messaging.incarnations SET timeline = timeline + 1";

#[tokio::test]
async fn the_root_is_recorded_once() {
    let (service, kafka) = (Service::orders().await, kafka().await);
    service.register(&kafka, steady()).await;
    service.register(&kafka, steady()).await;
    let roots =
        "SELECT count(*) FROM messaging.current_incarnation JOIN messaging.incarnations USING (incarnation)
                  WHERE parent IS NULL AND timeline = 1";
    assert_eq!(service.number(roots).await, 1);
    assert_eq!(service.number("SELECT count(*) FROM messaging.incarnations").await, 1);
    let starts = "SELECT count(*) FROM messaging.incarnation_starts WHERE last_sequence = 0";
    assert_eq!(service.number(starts).await, i64::from(PARTITIONS));
}

#[tokio::test]
async fn nothing_is_numbered_on_another_timeline() {
    let (service, kafka) = (Service::orders().await, kafka().await);
    let registered = service.register(&kafka, steady()).await;
    let (database, outbox) = (registered.database(), registered.outbox());
    append(&database, &outbox, &[key_in(0, 0)]).await;
    sqlx::query(CHANGE_TIMELINE).execute(&mut service.owner().await).await.unwrap();

    let mut transaction = database.begin().await.unwrap();
    let error =
        outbox.append(&mut transaction, vec![message(&ORDERS_EVENTS, key_in(0, 1))]).await.unwrap_err();
    assert!(matches!(error, Error::IncarnationChanged), "{error:?}");
    transaction.commit().await.unwrap();
    assert_eq!(service.number("SELECT count(*) FROM messaging.outbox").await, 1);
    assert_eq!(service.number("SELECT max(next_sequence) FROM messaging.lane_heads").await, 2);
}

#[tokio::test]
async fn a_running_replica_records_a_child_and_goes_on() {
    let (service, kafka) = (Service::orders().await, kafka().await);
    let replica = service.start(&kafka, steady()).await;
    assert_eq!(replica.commands.execute(Ask::Say(key_in(5, 0))).await, Ok(1));
    sqlx::query(CHANGE_TIMELINE).execute(&mut service.owner().await).await.unwrap();
    assert_eq!(replica.commands.execute(Ask::Say(key_in(5, 1))).await, Ok(2));

    let children =
        "SELECT count(*) FROM messaging.current_incarnation JOIN messaging.incarnations USING (incarnation)
                     WHERE parent IS NOT NULL";
    assert_eq!(service.number(children).await, 1);
    let starts = "SELECT last_sequence FROM messaging.incarnation_starts
                    JOIN messaging.current_incarnation USING (incarnation) JOIN messaging.lanes USING (lane)
                   WHERE partition = 5";
    assert_eq!(service.number(starts).await, 1);
    assert_eq!(service.number("SELECT count(DISTINCT incarnation) FROM messaging.outbox").await, 2);
    replica.drain().await;
}

#[tokio::test]
async fn sequences_used_again_after_a_failover_are_published_by_a_relay_that_lived_through_it() {
    let (service, kafka) = (Service::orders().await, kafka().await);
    let replica = service.start(&kafka, steady()).await;
    for nth in 0..8 {
        replica.say([key_in(5, nth)]).await;
    }
    service.number_becomes("SELECT max(sequence) FROM messaging.published", 8).await;
    // The standby that takes over has the first five, and was told that eight were published.
    let lose = "UPDATE messaging.lane_heads SET next_sequence = 6 WHERE next_sequence = 9;
                DELETE FROM messaging.outbox WHERE sequence > 5;
                UPDATE messaging.incarnations SET timeline = timeline + 1";
    sqlx::raw_sql(lose).execute(&mut service.owner().await).await.unwrap();
    for nth in 8..11 {
        replica.say([key_in(5, nth)]).await;
    }
    let told = eventually("what was numbered again is published", PATIENCE, async || {
        let told = published(&kafka, &ORDERS_EVENTS).await.remove(&5).unwrap_or_default();
        (told.len() >= 11).then_some(told)
    });
    let told = told.await;
    assert_eq!(told[..8], [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(told[told.len() - 3..], [6, 7, 8], "{told:?}");
    service.number_becomes("SELECT max(sequence) FROM messaging.published", 8).await;
    replica.drain().await;
}

#[tokio::test]
async fn a_foreign_history_stops_its_lane_alone_and_says_why() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    let speaker = Speaker::new(&kafka);
    speaker.say(4, [1]).await;
    inventory.applies(1).await;
    let mut foreign = envelope(SAID, 2);
    foreign.incarnation = uuid::Uuid::from_u128(99);
    speaker.send(4, &foreign).await;
    speaker.say(4, [2]).await;
    speaker.say(6, [1, 2]).await;

    let troubles = replica.troubles().await;
    let expected = format!(
        "orders.events.v1/4: orders behind sequence 1: the source continues under incarnation {}, known is {HISTORY}: \
         find out whether it has lost commits",
        foreign.incarnation
    );
    assert_eq!(troubles.stopped, [expected]);
    assert_eq!(inventory.applies(3).await, [(4, vec![1]), (6, vec![1, 2])].into());
    replica.drain().await;
}
