//! How often the provider was called, as a payment and its events tell it.

use bowline_contracts::events::PaymentEvent;
use bowline_contracts::payment::v1::PaymentStatus;
use bowline_payment_domain::Status;
use bowline_payment_simulator::Switches;
use bowline_test_support::eventually;

use crate::api::get;
use crate::neighbours::{new_order, stock_reserved, void_payment};
use crate::stage::{DEADLINE, Stage};

#[tokio::test]
async fn attempts_are_told_while_they_fail_and_counted_on_by_whoever_takes_over() {
    let stage = Stage::new(Switches { down: true, ..Switches::default() }).await;
    let first = stage.running().await;
    let mut replica = stage.replica(first.intents.clone()).await;
    let order = new_order();
    replica.hear(vec![stock_reserved(order, "tok_visa")]).await;
    let seen = eventually("failed attempts are told", DEADLINE, async || {
        let payment = get(&stage, &order.to_string()).await.unwrap();
        (payment.attempts >= 2).then_some(payment)
    })
    .await;
    assert_eq!((seen.status(), seen.last_failure.as_str()), (PaymentStatus::Authorizing, "provider_away"));
    first.stop().await;

    stage.simulator.set_switches(Switches::default());
    let second = stage.running().await;
    stage.settled(order, Status::Authorized).await;
    let payment = get(&stage, &order.to_string()).await.unwrap();
    assert!(payment.attempts > seen.attempts, "{} after {}", payment.attempts, seen.attempts);
    assert_eq!(payment.last_failure, "provider_away");
    let told = stage.told(order).await;
    let [PaymentEvent::Authorized(event)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((event.attempts, event.last_failure.as_str()), (payment.attempts, "provider_away"));
    second.stop().await;
}

#[tokio::test]
async fn a_first_attempt_that_was_enough_is_one() {
    let steps = |order| [(stock_reserved(order, "tok_decline_lost_card"), Status::Declined)];
    let (stage, order) = Stage::after(Switches::default(), steps).await;
    let payment = get(&stage, &order.to_string()).await.unwrap();
    assert_eq!((payment.attempts, payment.last_failure.as_str()), (1, ""));
    let told = stage.told(order).await;
    let [PaymentEvent::Declined(event)] = &told[..] else { panic!("{told:?}") };
    assert_eq!((event.attempts, event.last_failure.as_str()), (1, ""));
}

#[tokio::test]
async fn the_calls_for_each_operation_are_told_and_a_void_that_waits_for_its_authorisation() {
    let stage = Stage::new(Switches { down: true, ..Switches::default() }).await;
    let running = stage.running().await;
    let mut replica = stage.replica(running.intents.clone()).await;
    let order = new_order();
    replica.hear(vec![stock_reserved(order, "tok_visa"), void_payment(order)]).await;
    let waiting = get(&stage, &order.to_string()).await.unwrap();
    assert_eq!((waiting.status(), waiting.void_asked), (PaymentStatus::Authorizing, true));

    stage.simulator.set_switches(Switches::default());
    stage.settled(order, Status::Voided).await;
    let voided = get(&stage, &order.to_string()).await.unwrap();
    assert!(!voided.void_asked && voided.authorize_attempts > 0, "{voided:?}");
    assert_eq!((voided.capture_attempts, voided.void_attempts), (0, voided.attempts));
    running.stop().await;
}
