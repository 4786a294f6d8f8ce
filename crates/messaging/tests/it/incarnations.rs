//! The history in which sequences are given.

use bowline_contracts::topics::{ORDERS_EVENTS, PARTITIONS};
use bowline_messaging::{Error, Failovers, KafkaOptions};
use bowline_test_support::eventually;
use uuid::Uuid;

use crate::broker::{HISTORY, Speaker, announced, key_of, published};
use crate::ledger::Ask;
use crate::serving::{Source, asking, free_address};
use crate::stage::{PATIENCE, Replica, Service, append, kafka, key_in, message, steady};

const CHANGE_TIMELINE: &str = "UPDATE messaging.incarnations SET timeline = timeline + 1";

/// A replica of inventory that has applied the first message of lane 4, and who said it.
async fn follower(inventory: &Service, kafka: &KafkaOptions) -> (Replica, Speaker) {
    let replica = inventory.start(kafka, steady()).await;
    replica.node.topics_ready().await;
    let speaker = Speaker::new(kafka);
    speaker.say(4, [1]).await;
    inventory.applies(1).await;
    (replica, speaker)
}

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
async fn a_history_that_nobody_can_tell_holds_its_lane_alone_and_says_why() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let (replica, speaker) = follower(&inventory, &kafka).await;
    let foreign = Uuid::from_u128(99);
    Speaker::of(&kafka, foreign).say(4, [2]).await;
    speaker.say(4, [2]).await;
    speaker.say(6, [1, 2]).await;

    let troubles = replica.troubles().await;
    let expected = format!(
        "orders.events.v1/4: orders behind sequence 1: the source continues under incarnation {foreign}, known is \
         {HISTORY}: it is asked whether it has lost commits; no address of it is known: give it with --lane-sources \
         orders=http://host:port"
    );
    assert_eq!(troubles.stopped, [expected]);
    assert_eq!(inventory.applies(3).await, [(4, vec![1]), (6, vec![1, 2])].into());
    replica.drain().await;
}

/// A source whose database was failed over behind the first two messages of lane 4, and then said a third, and the first
/// of lane 6; its incarnations before and after. It publishes on other topics than the consumer reads.
pub(crate) async fn failed_over() -> (Service, KafkaOptions, [Uuid; 2]) {
    let (orders, elsewhere) = (Service::orders().await, kafka().await);
    let registered = orders.register(&elsewhere, steady()).await;
    let (database, outbox) = (registered.database(), registered.outbox());
    let before = append(&database, &outbox, &[key_of(4, 1), key_of(4, 2)]).await[0].incarnation;
    sqlx::query(CHANGE_TIMELINE).execute(&mut orders.owner().await).await.unwrap();
    orders.register(&elsewhere, steady()).await;
    let after = append(&database, &outbox, &[key_of(4, 3), key_of(6, 1)]).await[0].incarnation;
    assert_ne!(before, after);
    (orders, elsewhere, [before, after])
}

#[tokio::test]
async fn a_lane_waits_for_its_source_and_goes_on_by_itself_when_nothing_was_lost() {
    let (orders, elsewhere, histories) = failed_over().await;
    let (inventory, kafka, address) = (Service::inventory().await, kafka().await, free_address().await);
    let replica = inventory.start(&kafka, asking(address)).await;
    replica.node.topics_ready().await;
    let [before, after] = histories.map(|history| Speaker::of(&kafka, history));
    before.say(4, [1, 2]).await;
    inventory.applies(2).await;
    after.say(4, [3]).await;
    after.say(6, [1]).await;
    let waits = replica.troubles().await;
    let expected = "orders.events.v1/4: orders behind sequence 2: the source continues under incarnation";
    assert!(matches!(&waits.gaps[..], [text] if text.starts_with(expected)), "{waits:?}");
    assert_eq!(inventory.applies(3).await, [(4, vec![1, 2]), (6, vec![1])].into());

    // The source comes only now; nobody has to tell the consumer.
    let source = Source::start_at(orders, &elsewhere, address).await;
    assert_eq!(inventory.applies(4).await[&4], [1, 2, 3]);
    replica.has_no_troubles().await;
    replica.counts(Failovers { survived: 1, stopped: 0 }).await;
    // Somebody was cut off and still publishes what is forgotten.
    before.say(4, [3, 4]).await;
    after.say(4, [4]).await;
    assert_eq!(inventory.applies(5).await[&4], [1, 2, 3, 4]);
    let adopted = "SELECT count(*) FROM messaging.watermarks WHERE incarnation = (SELECT incarnation FROM
                   messaging.watermarks WHERE partition = 4 AND topic = 'orders.events.v1')";
    assert_eq!(inventory.number(adopted).await, 2, "lanes 4 and 6");
    replica.drain().await;
    source.stop().await;
}

#[tokio::test]
async fn a_quiet_lane_hears_of_a_failover_by_its_head_and_stops_when_it_has_lost_something() {
    let (orders, elsewhere, [before, after]) = failed_over().await;
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let source = Source::start_at(orders, &elsewhere, free_address().await).await;
    let replica = inventory.start(&kafka, asking(free_address().await)).await;
    replica.node.topics_ready().await;
    Speaker::of(&kafka, before).say(4, [1, 2, 3]).await;
    Speaker::of(&kafka, before).say(6, [1]).await;
    inventory.applies(4).await;
    replica.drain().await;
    let replica = inventory.start(&kafka, source.asked()).await;
    Speaker::of(&kafka, after).announce(4, 2).await;

    let stopped = replica.stops(2).await;
    let [quiet, other] = &stopped[..] else { panic!("{stopped:?}") };
    let expected = "orders.events.v1/4: orders behind sequence 3: sequences 3 to 3 were applied, but the source has lost them";
    assert!(quiet.starts_with(expected) && quiet.contains("`bowline lanes accept`"), "{quiet}");
    assert!(other.starts_with("orders.events.v1/6: orders behind sequence 1: sequences 1 to 1"), "{other}");
    Speaker::of(&kafka, after).say(4, [3, 4]).await;
    Speaker::of(&kafka, after).say(7, [1]).await;
    assert_eq!(inventory.applies(5).await, [(4, vec![1, 2, 3]), (6, vec![1]), (7, vec![1])].into());
    assert_eq!(replica.node.failovers().borrow().stopped, 2);
    replica.drain().await;
    source.stop().await;
}

#[tokio::test]
async fn the_watermark_of_another_history_does_not_admit_a_batch() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let (replica, speaker) = follower(&inventory, &kafka).await;
    // Somebody else was let go on, and is as far in another history.
    let elsewhere = "UPDATE messaging.watermarks SET incarnation = '00000000-0000-0000-0000-000000000063'
                      WHERE topic = 'orders.events.v1' AND partition = 4";
    sqlx::query(elsewhere).execute(&mut inventory.owner().await).await.unwrap();
    speaker.say(4, [2]).await;
    assert_eq!(replica.troubles().await.stopped.len(), 1);
    assert_eq!(inventory.applied().await, [(4, vec![1])].into());
    replica.drain().await;
}

#[tokio::test]
async fn a_head_is_announced_in_the_history_that_the_database_is_in() {
    let (orders, kafka) = (Service::orders().await, kafka().await);
    let replica = orders.start(&kafka, steady()).await;
    replica.say([key_of(4, 1)]).await;
    let heads = |nth: usize| {
        let kafka = kafka.clone();
        async move {
            eventually("a head is announced", PATIENCE, async || {
                let heads = announced(&kafka, &ORDERS_EVENTS, 4).await;
                heads.get(nth).copied()
            })
            .await
        }
    };
    let (root, _) = heads(0).await;
    // Nobody writes after the failover.
    sqlx::query(CHANGE_TIMELINE).execute(&mut orders.owner().await).await.unwrap();
    let (child, sequence) = heads(1).await;
    assert_ne!(root, child);
    assert_eq!(sequence, 1);
    let current = "SELECT incarnation FROM messaging.current_incarnation";
    let current: Uuid = sqlx::query_scalar(current).fetch_one(&mut orders.connect().await).await.unwrap();
    assert_eq!(child, current);
    replica.drain().await;
}
