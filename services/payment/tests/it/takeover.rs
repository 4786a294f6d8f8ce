//! Operations whose worker died, lost its partition, or was not the only one.

use std::time::Duration;

use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_kernel::{Currency, Money, OrderId};
use bowline_messaging::Owned;
use bowline_payment::app::intent::{Intent, Origin};
use bowline_payment::app::record_outcome::Outcome;
use bowline_payment_domain::{FailedCalls, Operation, Status};
use bowline_payment_simulator::Switches;
use chrono::DateTime;

use crate::neighbours::{new_order, stock_reserved};
use crate::stage::{Stage, all_partitions};

/// The authorisation that `stock_reserved` opens, as the executor hands it over.
fn authorize(order_id: OrderId) -> Intent {
    let amount = Money::new(1_234, Currency::GBP);
    Intent {
        order_id,
        partition: partition::of_key(order_id.uuid(), PARTITIONS),
        operation: Operation::Authorize { amount, payment_token: "tok_visa".parse().unwrap() },
        causation: None,
        traceparent: None,
        requested_at: DateTime::UNIX_EPOCH,
        origin: Origin::Committed,
        failed_calls: FailedCalls::default(),
    }
}

#[tokio::test]
async fn a_crash_between_the_call_and_storing_its_outcome_charges_once() {
    let stage = Stage::new(Switches::default()).await;
    let order = new_order();
    stage.doomed_replica().await.hear(vec![stock_reserved(order, "tok_visa")]).await;
    // The worker of that process got as far as this.
    let heard = stage.provider().send(&authorize(order)).await.unwrap();
    assert!(matches!(heard, Outcome::Authorized { .. }), "{heard:?}");
    assert_eq!(stage.open_operations(order).await, 1);

    let running = stage.running().await;
    stage.settled(order, Status::Authorized).await;
    assert_eq!(stage.only_charge(order).await, ([1_234, 0, 0], 1));
    running.stop().await;
}

#[tokio::test]
async fn a_crash_before_the_call_loses_nothing() {
    let stage = Stage::new(Switches::default()).await;
    let order = new_order();
    stage.doomed_replica().await.hear(vec![stock_reserved(order, "tok_visa")]).await;
    let running = stage.running().await;
    stage.settled(order, Status::Authorized).await;
    assert_eq!(stage.only_charge(order).await, ([1_234, 0, 0], 1));
    running.stop().await;
}

#[tokio::test]
async fn two_workers_on_one_operation_charge_once() {
    let stage = Stage::new(Switches { latency: Duration::from_millis(20), ..Switches::default() }).await;
    let (first, second) = (stage.running().await, stage.running().await);
    let mut replica = stage.doomed_replica().await;
    let orders: Vec<_> = (0..20).map(|_| new_order()).collect();
    replica.hear(orders.iter().map(|order| stock_reserved(*order, "tok_visa")).collect()).await;
    for running in [&first, &second] {
        running.intents.offer(orders.iter().map(|order| authorize(*order)).collect());
    }
    for order in &orders {
        let payment = stage.settled(*order, Status::Authorized).await;
        assert_eq!(payment.version, 2);
        assert_eq!(stage.only_charge(*order).await, ([1_234, 0, 0], 1));
    }
    // Whatever the slower one still brings is too late.
    first.stop().await;
    second.stop().await;
    for order in &orders {
        assert_eq!(stage.payment(*order).await.unwrap().version, 2);
        assert_eq!(stage.told(*order).await.len(), 1);
    }
}

#[tokio::test]
async fn a_lost_partition_is_left_to_its_next_holder() {
    let stage = Stage::new(Switches { down: true, ..Switches::default() }).await;
    let first = stage.running().await;
    let mut replica = stage.replica(first.intents.clone()).await;
    let order = new_order();
    replica.hear(vec![stock_reserved(order, "tok_visa")]).await;
    first.owned.send_replace(Owned::new());
    // What is opened in a partition that is not held is not worked on here.
    let later = new_order();
    replica.hear(vec![stock_reserved(later, "tok_visa")]).await;
    first.stop().await;
    stage.simulator.set_switches(Switches::default());
    assert_eq!((stage.open_operations(order).await, stage.open_operations(later).await), (1, 1));

    let second = stage.running().await;
    second.owned.send_replace(all_partitions(2));
    for order in [order, later] {
        stage.settled(order, Status::Authorized).await;
        assert_eq!(stage.only_charge(order).await, ([1_234, 0, 0], 1));
    }
    second.stop().await;
}

#[tokio::test]
async fn what_nobody_handed_over_is_found_by_the_sweep() {
    let stage = Stage::new(Switches::default()).await;
    let running = stage.running_with(|settings| settings.sweep_interval = Duration::from_millis(20)).await;
    let order = new_order();
    stage.doomed_replica().await.hear(vec![stock_reserved(order, "tok_visa")]).await;
    stage.settled(order, Status::Authorized).await;
    running.stop().await;
}

#[tokio::test]
async fn what_could_not_be_handed_over_is_read_from_the_table() {
    let stage = Stage::new(Switches::default()).await;
    let running = stage.running().await;
    let order = new_order();
    stage.doomed_replica().await.hear(vec![stock_reserved(order, "tok_visa")]).await;
    // More than the channel holds, before the worker can take any: this test has one thread.
    let strange = Intent { partition: PARTITIONS, ..authorize(new_order()) };
    for _ in 0..1_000 {
        running.intents.offer(vec![strange.clone()]);
    }
    stage.settled(order, Status::Authorized).await;
    running.stop().await;
}
