//! When an order has waited for long enough.

use bowline_orders_domain::{Awaited, Deadline, DeadlineLimits, Event, StockReservationNoted};
use chrono::TimeDelta;

use crate::given::{PATHS, at, order_placed, state_after};

const LIMITS: DeadlineLimits = DeadlineLimits {
    stock: Some(TimeDelta::minutes(5)),
    payment: Some(TimeDelta::minutes(10)),
    saga: Some(TimeDelta::minutes(12)),
};

/// The deadline of an order that has waited for payment since so many minutes after it was placed.
fn reserved_after(limits: DeadlineLimits, minutes: i64) -> Option<Deadline> {
    let noted_at = at() + TimeDelta::minutes(minutes);
    let noted = Event::StockReservationNoted(StockReservationNoted { noted_at });
    limits.deadline(&state_after(&[order_placed(), noted]))
}

fn placed(limits: DeadlineLimits) -> Option<Deadline> {
    limits.deadline(&state_after(&[order_placed()]))
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what may be nothing")]
fn due(awaited: Awaited, minutes: i64) -> Option<Deadline> {
    Some(Deadline { awaited, due_at: at() + TimeDelta::minutes(minutes) })
}

#[test]
fn the_earlier_of_the_limits_of_the_step_and_of_the_whole_counts() {
    assert_eq!(placed(LIMITS), due(Awaited::Stock, 5));
    assert_eq!(reserved_after(LIMITS, 1), due(Awaited::Payment, 11));
    assert_eq!(reserved_after(LIMITS, 4), due(Awaited::Payment, 12));
    let hasty = DeadlineLimits { saga: Some(TimeDelta::minutes(3)), ..LIMITS };
    assert_eq!(placed(hasty), due(Awaited::Stock, 3));
}

#[test]
fn time_that_a_deadline_waited_is_not_taken_from_the_next_step() {
    assert_eq!(reserved_after(LIMITS, 60), due(Awaited::Payment, 70));
    let whole = DeadlineLimits { stock: None, payment: None, ..LIMITS };
    assert_eq!(reserved_after(whole, 60), due(Awaited::Payment, 72));
}

#[test]
fn a_limit_that_is_not_set_does_not_count() {
    assert_eq!(placed(DeadlineLimits { stock: None, ..LIMITS }), due(Awaited::Stock, 12));
    assert_eq!(reserved_after(DeadlineLimits { saga: None, ..LIMITS }, 4), due(Awaited::Payment, 14));
    assert_eq!(reserved_after(DeadlineLimits { payment: None, ..LIMITS }, 4), due(Awaited::Payment, 12));
    assert_eq!(placed(DeadlineLimits::default()), None);
    assert_eq!(reserved_after(DeadlineLimits { payment: None, saga: None, ..LIMITS }, 1), None);
}

#[test]
fn only_a_pending_order_has_a_deadline() {
    for (name, history) in PATHS.histories() {
        let deadline = LIMITS.deadline(&state_after(&history));
        assert_eq!(deadline.is_some(), name.starts_with("pending"), "{name}");
    }
}
