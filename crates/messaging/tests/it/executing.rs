//! The batch executor: a culprit stands alone, and an unknown outcome is found out.

use std::collections::BTreeMap;

use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_messaging::{CommandError, LaneOptions};
use bowline_test_support::eventually;
use tokio::task::JoinSet;

use crate::broker::Speaker;
use crate::ledger::Ask;
use crate::stage::{ALL, PATIENCE, Service, in_order, kafka, key, key_in, steady};

#[tokio::test]
async fn a_command_that_cannot_be_executed_spoils_nobody_else() {
    let (orders, kafka) = (Service::orders().await, kafka().await);
    let replica = orders.start(&kafka, steady()).await;
    let mut callers = JoinSet::new();
    for number in 0..40 {
        let commands = replica.commands.clone();
        let ask = if number == 17 { Ask::Nonsense } else { Ask::Say(key(number)) };
        callers.spawn(async move { (number, commands.execute(ask).await) });
    }
    for (number, answer) in callers.join_all().await {
        if number == 17 {
            assert_eq!(answer, Err(CommandError::Failed));
        } else {
            answer.unwrap();
        }
    }
    assert_eq!(orders.number("SELECT count(*) FROM messaging.outbox").await, 39);
    replica.drain().await;
}

#[tokio::test]
async fn messages_whose_commit_was_not_answered_are_applied_once() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    let speaker = Speaker::new(&kafka);
    speaker.say(2, [1]).await;
    inventory.applies(1).await;
    replica.script.lose_answers(2);
    speaker.say(2, 2..=5).await;
    speaker.say(3, 1..=5).await;
    inventory.applies(10).await;
    speaker.say(2, [6]).await;
    speaker.say(3, [6]).await;
    assert_eq!(inventory.applies(12).await, [(2, (1..=6).collect()), (3, (1..=6).collect())].into());
    assert_eq!(replica.script.answers_lost(), 2);
    replica.drain().await;
}

#[tokio::test]
async fn a_caller_whose_commit_was_not_answered_is_not_told_that_it_failed() {
    let (orders, kafka) = (Service::orders().await, kafka().await);
    let replica = orders.start(&kafka, steady()).await;
    replica.script.lose_answers(1);
    assert_eq!(replica.commands.execute(Ask::Say(key(0))).await, Err(CommandError::Unavailable));
    assert_eq!(orders.number("SELECT count(*) FROM messaging.outbox").await, 1);
    assert!(replica.commands.execute(Ask::Say(key(0))).await.is_ok());
    replica.drain().await;
}

#[tokio::test]
async fn commands_that_come_while_a_batch_is_under_way_see_one_number_and_go_together() {
    let (orders, kafka) = (Service::orders().await, kafka().await);
    let replica = orders.start(&kafka, steady()).await;
    let turns = replica.commands.turns().clone();
    assert_eq!(turns.so_far(), 0);
    let mut holder = orders.open().begin().await.unwrap();
    sqlx::raw_sql("SELECT FROM messaging.partitions WHERE partition = 3 FOR UPDATE")
        .execute(&mut *holder)
        .await
        .unwrap();
    let mut held = JoinSet::new();
    let commands = replica.commands.clone();
    held.spawn(async move { commands.execute(Ask::Say(key_in(3, 0))).await });
    eventually("the first batch is under way", PATIENCE, async || (turns.so_far() == 1).then_some(())).await;
    for nth in 0..20 {
        let commands = replica.commands.clone();
        held.spawn(async move { commands.execute(Ask::Say(key_in(4, nth))).await });
    }
    tokio::task::yield_now().await;
    assert_eq!(turns.so_far(), 1, "none of them has begun");
    holder.commit().await.unwrap();
    assert!(held.join_all().await.iter().all(Result::is_ok));
    assert_eq!(turns.so_far(), 2, "all of them went together");
    replica.drain().await;
}

#[tokio::test]
async fn two_replicas_that_write_on_the_same_lanes_take_turns() {
    const CALLERS: u64 = 200;
    let (orders, kafka) = (Service::orders().await, kafka().await);
    // Many transactions, which nothing is tried again in but what met another one.
    let lanes = LaneOptions { batch_max: 1, ..steady() };
    let (one, other) = (orders.start(&kafka, lanes.clone()).await, orders.start(&kafka, lanes).await);
    let mut callers = JoinSet::new();
    for number in 0..CALLERS {
        let commands = if number % 2 == 0 { &one.commands } else { &other.commands }.clone();
        callers.spawn(async move {
            let key = key(number);
            (partition::of_key(key, PARTITIONS), commands.execute(Ask::Say(key)).await.unwrap())
        });
    }
    let mut sequences: BTreeMap<u16, Vec<i64>> = BTreeMap::new();
    for (partition, sequence) in callers.join_all().await {
        sequences.entry(partition).or_default().push(sequence);
    }
    assert_eq!(sequences.len(), ALL);
    for (partition, mut sequences) in sequences {
        sequences.sort_unstable();
        assert!(sequences.iter().copied().eq((1..).take(sequences.len())), "{partition}: {sequences:?}");
    }
    one.drain().await;
    other.drain().await;
}

#[tokio::test]
async fn a_caller_whose_partition_is_held_for_too_long_is_told_to_come_again_and_the_others_are_not() {
    let (orders, kafka) = (Service::orders().await, kafka().await);
    let replica = orders.start(&kafka, steady()).await;
    let mut holder = orders.open().begin().await.unwrap();
    sqlx::raw_sql(
        "SET LOCAL idle_in_transaction_session_timeout = 0;
         SELECT FROM messaging.partitions WHERE partition = 3 FOR UPDATE",
    )
    .execute(&mut *holder)
    .await
    .unwrap();
    let held = replica.commands.execute(Ask::Say(key_in(3, 0))).await;
    assert_eq!(held, Err(CommandError::Conflict));
    replica.commands.execute(Ask::Say(key_in(4, 0))).await.unwrap();
    holder.commit().await.unwrap();
    assert_eq!(replica.commands.execute(Ask::Say(key_in(3, 0))).await, Ok(1), "it had no effect before");
    replica.drain().await;
}

#[tokio::test]
async fn a_lane_that_somebody_else_has_advanced_is_left_out_and_taken_up_again() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    let speaker = Speaker::new(&kafka);
    speaker.say(2, 1..=3).await;
    inventory.applies(3).await;
    sqlx::query("UPDATE messaging.watermarks SET sequence = 5 WHERE partition = 2")
        .execute(&mut inventory.connect().await)
        .await
        .unwrap();
    speaker.say(2, 4..=7).await;
    speaker.say(3, 1..=2).await;
    let applied = inventory.applies(7).await;
    assert_eq!(applied, [(2, vec![1, 2, 3, 6, 7]), (3, vec![1, 2])].into());
    replica.drain().await;
}

#[tokio::test]
async fn two_owners_of_a_partition_do_not_both_apply() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let sleepy = bowline_messaging::LaneOptions {
        lease_ttl: std::time::Duration::from_hours(1),
        lease_renewal: std::time::Duration::from_mins(20),
        ..steady()
    };
    let first = inventory.start(&kafka, sleepy).await;
    first.owns(ALL).await;
    let second = inventory.start(&kafka, steady()).await;
    inventory.number_becomes("SELECT count(*) FROM messaging.members", 2).await;
    let give_away =
        "UPDATE messaging.leases SET epoch = epoch + 1, expires_at = clock_timestamp() + interval '1 hour',
                       holder = (SELECT member FROM messaging.members m WHERE m.member <> holder)
                      WHERE partition < 4";
    sqlx::query(give_away).execute(&mut inventory.connect().await).await.unwrap();
    second.owns(ALL / 2).await;
    assert_eq!(first.owned_count(), ALL);
    let speaker = Speaker::new(&kafka);
    for sequence in 1..=20 {
        for partition in 0..PARTITIONS {
            speaker.say(partition, [sequence]).await;
        }
    }
    let applied = inventory.applies(20 * ALL).await;
    assert!(in_order(&applied), "{applied:?}");
    first.drain().await;
    second.drain().await;
    let applied = inventory.applied().await;
    assert!(in_order(&applied), "{applied:?}");
}
