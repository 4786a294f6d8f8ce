//! The tracker by itself: answers and events in every order.

use bowline_kernel::OrderId;
use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use super::super::answers::{Answer, CancelAnswer, Rejection};
use super::super::events::{CancelReason, EndState, SagaEvent, SagaEventKind};
use super::super::outcome::OrderState;
use super::super::progress::Progress;
use super::super::tracker::Tracker;

const SOLD: EndState = EndState::Confirmed;

fn id(number: u128) -> OrderId {
    OrderId::new(Uuid::from_u128(number))
}

fn placed(number: u128) -> Answer {
    Answer::Placed {
        order_id: id(number),
        total_minor: 100,
        currency_code: "GBP".to_owned(),
        units: 2,
        cancel: CancelAnswer::NotAsked,
    }
}

fn confirmed(number: u128, after_ms: i64) -> SagaEvent {
    let placed_at = DateTime::UNIX_EPOCH;
    let at = placed_at + TimeDelta::milliseconds(after_ms);
    SagaEvent { order_id: id(number), at, kind: SagaEventKind::Confirmed { placed_at } }
}

fn finished(number: u128, end: EndState) -> SagaEvent {
    SagaEvent { order_id: id(number), at: DateTime::UNIX_EPOCH, kind: SagaEventKind::Finished { end } }
}

#[test]
fn an_order_is_in_flight_until_it_is_answered_and_finished() {
    let progress = Progress::default();
    let mut tracker = Tracker::new(&progress);
    tracker.sent(0);
    assert_eq!(tracker.in_flight(), 1);
    assert!(!tracker.answered(0, placed(7)));
    assert!(!tracker.happened(confirmed(7, 5)));
    assert_eq!((tracker.in_flight(), tracker.all_done()), (1, false));
    assert!(tracker.happened(finished(7, SOLD)));
    assert_eq!((tracker.in_flight(), tracker.all_done()), (0, true));
}

#[test]
fn events_may_come_before_the_answer() {
    let progress = Progress::default();
    let mut tracker = Tracker::new(&progress);
    tracker.sent(0);
    assert!(!tracker.happened(confirmed(7, 5)));
    assert!(!tracker.happened(finished(7, SOLD)));
    assert_eq!(tracker.in_flight(), 1);
    assert!(tracker.answered(0, placed(7)));
    assert!(tracker.all_done());
    let outcome = tracker.into_outcome(std::time::Duration::from_secs(1));
    assert_eq!(outcome.orders[0].state, OrderState::Finished(SOLD));
    assert_eq!((outcome.confirmed_minor(), outcome.confirmed_units()), (100, 2));
    assert_eq!(outcome.placed_to_confirmed_us.len(), 1);
}

#[test]
fn repeated_events_count_once() {
    let progress = Progress::default();
    let mut tracker = Tracker::new(&progress);
    tracker.sent(0);
    tracker.sent(1);
    tracker.answered(0, placed(7));
    for _ in 0..3 {
        tracker.happened(confirmed(7, 5));
    }
    assert!(tracker.happened(finished(7, SOLD)));
    assert!(!tracker.happened(finished(7, SOLD)));
    assert!(!tracker.happened(confirmed(7, 50)));
    assert_eq!(tracker.in_flight(), 1);
    let outcome = tracker.into_outcome(std::time::Duration::ZERO);
    assert_eq!(outcome.placed_to_confirmed_us.len(), 1);
    assert_eq!(outcome.orders[0].contradictions, 0);
    assert_eq!((outcome.finished(), outcome.unfinished()), (1, 1));
    assert_eq!(progress.snapshot().done(), 1);
}

#[test]
fn a_second_end_state_is_a_contradiction() {
    let progress = Progress::default();
    let mut tracker = Tracker::new(&progress);
    tracker.sent(0);
    tracker.answered(0, placed(7));
    tracker.happened(finished(7, SOLD));
    tracker.happened(finished(7, EndState::Cancelled(CancelReason::Customer)));
    let outcome = tracker.into_outcome(std::time::Duration::ZERO);
    assert_eq!((outcome.confirmed(), outcome.orders[0].contradictions), (1, 1));
}

#[test]
fn orders_of_others_change_nothing() {
    let progress = Progress::default();
    let mut tracker = Tracker::new(&progress);
    tracker.happened(finished(99, SOLD));
    tracker.sent(0);
    tracker.happened(finished(98, SOLD));
    tracker.answered(0, placed(7));
    tracker.sent(1);
    assert!(
        !tracker.answered(1, placed(99)),
        "an event from before its order was sent belongs to another run"
    );
    assert_eq!(tracker.in_flight(), 2);
}

#[test]
fn a_rejected_order_is_done() {
    let progress = Progress::default();
    let mut tracker = Tracker::new(&progress);
    tracker.sent(0);
    let rejection = Rejection { reason: "lines".to_owned(), message: "too many".to_owned() };
    tracker.answered(0, Answer::Rejected(rejection));
    assert!(tracker.all_done());
    let outcome = tracker.into_outcome(std::time::Duration::ZERO);
    assert_eq!((outcome.placed(), outcome.unfinished(), outcome.rejected()["lines"]), (0, 0, 1));
}
