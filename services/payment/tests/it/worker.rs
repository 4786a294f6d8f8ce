//! From the open operation to its stored outcome, through a provider that may misbehave.

use std::time::Duration;

use bowline_contracts::common::v1::Money;
use bowline_contracts::events::PaymentEvent;
use bowline_kernel::OrderId;
use bowline_payment_domain::Status;
use bowline_payment_simulator::{Rate, Switches};

use crate::neighbours::{new_order, order_confirmed, stock_reserved, void_payment};
use crate::stage::Stage;

fn always() -> Rate {
    1.0.try_into().unwrap()
}

fn total() -> Money {
    Money { currency_code: "GBP".into(), amount_minor: 1_234 }
}

async fn sold(switches: Switches) -> (Stage, OrderId) {
    let steps = |order| {
        [(stock_reserved(order, "tok_visa"), Status::Authorized), (order_confirmed(order), Status::Captured)]
    };
    Stage::after(switches, steps).await
}

#[tokio::test]
async fn an_order_is_authorised_and_captured() {
    let (stage, order) = sold(Switches::default()).await;
    assert_eq!(stage.payment(order).await.unwrap().version, 4);
    assert_eq!(stage.only_charge(order).await, ([1_234, 1_234, 0], 2));
    let told = stage.told(order).await;
    let [PaymentEvent::Authorized(authorized), PaymentEvent::Captured(captured)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((&authorized.amount, &captured.amount), (&Some(total()), &Some(total())));
}

#[tokio::test]
async fn an_order_that_is_given_up_is_voided() {
    let steps = |order| {
        [(stock_reserved(order, "tok_visa"), Status::Authorized), (void_payment(order), Status::Voided)]
    };
    let (stage, order) = Stage::after(Switches::default(), steps).await;
    assert_eq!(stage.only_charge(order).await, ([1_234, 0, 1_234], 2));
    let told = stage.told(order).await;
    let [PaymentEvent::Authorized(_), PaymentEvent::Voided(voided)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(voided.amount, Some(total()));
}

#[tokio::test]
async fn a_void_waits_for_the_authorisation_that_is_under_way() {
    let stage = Stage::new(Switches::default()).await;
    let order = new_order();
    // The void is asked before the provider has been, so its outcome cannot be known yet.
    stage.doomed_replica().await.hear(vec![stock_reserved(order, "tok_visa"), void_payment(order)]).await;
    let running = stage.running().await;
    stage.settled(order, Status::Voided).await;

    assert_eq!(stage.only_charge(order).await, ([1_234, 0, 1_234], 2));
    let told = stage.told(order).await;
    assert!(matches!(&told[..], [PaymentEvent::Authorized(_), PaymentEvent::Voided(_)]), "{told:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_decline_is_told_and_its_void_lets_go_of_nothing() {
    let steps = |order| {
        let reserved = stock_reserved(order, "tok_decline_insufficient_funds_7");
        [(reserved, Status::Declined), (void_payment(order), Status::Voided)]
    };
    let (stage, order) = Stage::after(Switches::default(), steps).await;
    assert_eq!(stage.only_charge(order).await, ([0, 0, 0], 1));
    let told = stage.told(order).await;
    let [PaymentEvent::Declined(declined), PaymentEvent::Voided(voided)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(declined.reason, "insufficient_funds");
    assert_eq!(voided.amount, Some(Money { currency_code: "GBP".into(), amount_minor: 0 }));
}

#[tokio::test]
async fn a_capture_that_is_refused_for_good_is_voided_unasked() {
    let steps = |order| {
        let reserved = stock_reserved(order, "tok_capture_refused");
        [(reserved, Status::Authorized), (order_confirmed(order), Status::Voided)]
    };
    let (stage, order) = Stage::after(Switches::default(), steps).await;
    assert_eq!(stage.only_charge(order).await, ([1_234, 0, 1_234], 3));
    let told = stage.told(order).await;
    let [PaymentEvent::Authorized(_), PaymentEvent::CaptureFailed(failed), PaymentEvent::Voided(_)] =
        &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(failed.reason, "capture_refused_by_issuer");
}

/// Authorises and captures although every operation meets these faults first; one charge, taken once.
async fn survives(switches: Switches) {
    let (stage, order) = sold(switches).await;
    assert_eq!(stage.only_charge(order).await, ([1_234, 1_234, 0], 2));
    assert_eq!(stage.told(order).await.len(), 2);
}

#[tokio::test]
async fn a_time_out_that_did_charge_charges_once() {
    let timeout_hold = Duration::from_hours(1);
    survives(Switches { timeout_rate: always(), timeout_hold, ..Switches::default() }).await;
}

#[tokio::test]
async fn an_error_after_the_effect_charges_once() {
    survives(Switches { error_after_rate: always(), ..Switches::default() }).await;
}

#[tokio::test]
async fn what_the_provider_does_not_know_is_sent_again_under_the_same_key() {
    survives(Switches { error_rate: always(), ..Switches::default() }).await;
}

#[tokio::test]
async fn a_provider_slower_than_our_patience_charges_once() {
    survives(Switches { latency: Duration::from_millis(700), ..Switches::default() }).await;
}

#[tokio::test]
async fn operations_wait_for_a_provider_that_is_down() {
    let stage = Stage::new(Switches { down: true, ..Switches::default() }).await;
    let running = stage.running().await;
    let mut replica = stage.replica(running.intents.clone()).await;
    let orders: Vec<_> = (0..50).map(|_| new_order()).collect();
    replica.hear(orders.iter().map(|order| stock_reserved(*order, "tok_visa")).collect()).await;
    assert!(stage.simulator.books().await.unwrap().is_empty());
    stage.simulator.set_switches(Switches::default());
    for order in &orders {
        stage.settled(*order, Status::Authorized).await;
        assert_eq!(stage.only_charge(*order).await, ([1_234, 0, 0], 1));
    }
    running.stop().await;
}

#[tokio::test]
async fn operations_that_find_no_room_wait_in_the_table() {
    let stage = Stage::new(Switches::default()).await;
    let running = stage.running_with(|settings| (settings.in_hand_max, settings.concurrency) = (2, 1)).await;
    let mut replica = stage.replica(running.intents.clone()).await;
    let orders: Vec<_> = (0..20).map(|_| new_order()).collect();
    replica.hear(orders.iter().map(|order| stock_reserved(*order, "tok_visa")).collect()).await;
    for order in &orders {
        stage.settled(*order, Status::Authorized).await;
        assert_eq!(stage.only_charge(*order).await.0, [1_234, 0, 0]);
    }
    running.stop().await;
}
