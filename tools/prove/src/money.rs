//! Money: nothing is held that is neither taken nor let go, and only confirmed orders are paid, exactly.

use std::collections::HashMap;

use bowline_orders_domain::Outcome;
use uuid::Uuid;

use crate::Invariant;
use crate::orders::Order;
use crate::payments::Payment;

/// Of every payment: authorised = captured + voided, in one currency, and nothing is under way.
pub(crate) fn authorized_is_captured_or_voided(payments: &HashMap<Uuid, Payment>) -> Invariant {
    let mut invariant =
        Invariant::new("money authorised equals money captured plus money voided, for every order");
    for (id, payment) in payments {
        invariant.check(balance_fault(payment).map(|fault| format!("order {id}: {fault}")));
    }
    invariant
}

/// Of every order: captured is its total if it is confirmed, and nothing if it is not. A payment of no order breaks it.
pub(crate) fn captured_is_the_total_of_the_confirmed(
    orders: &HashMap<Uuid, Order>,
    payments: &HashMap<Uuid, Payment>,
) -> Invariant {
    let mut invariant =
        Invariant::new("captured is exactly the order's total if confirmed, nothing otherwise");
    for (id, order) in orders {
        let payment = payments.get(id).copied().unwrap_or_default();
        invariant.check(capture_fault(order, &payment).map(|fault| format!("order {id}: {fault}")));
    }
    for (id, payment) in payments.iter().filter(|(id, _)| !orders.contains_key(id)) {
        let taken = payment.has_moved_money();
        invariant
            .check(taken.then(|| format!("order {id}: there is money, but orders does not know the order")));
    }
    invariant
}

/// How a payment is not balanced, or under way.
pub(crate) fn balance_fault(payment: &Payment) -> Option<String> {
    let Payment { authorized, captured, voided, open } = payment;
    let mut currencies = [authorized, captured, voided].into_iter().filter_map(|side| side.currency);
    let first = currencies.next();
    let balanced = captured.minor.checked_add(voided.minor) == Some(authorized.minor)
        && captured.minor >= 0
        && voided.minor >= 0
        && currencies.all(|currency| Some(currency) == first);
    (*open || !balanced).then(|| {
        let under_way = if *open { ", and an operation has no outcome" } else { "" };
        format!("{authorized} authorised, {captured} captured, {voided} voided{under_way}")
    })
}

/// How what was captured is not what the order's end asks for.
pub(crate) fn capture_fault(order: &Order, payment: &Payment) -> Option<String> {
    let captured = payment.captured;
    let (due, currency) = match order.outcome {
        Some(Outcome::Confirmed) => (order.total.minor, Some(order.total.currency.code())),
        Some(Outcome::Cancelled(_)) | None => (0, None),
    };
    let exact = captured.minor == due && captured.currency == currency.filter(|_| due != 0);
    (!exact).then(|| match order.outcome {
        Some(Outcome::Confirmed) => format!("{captured} captured of a total of {}", order.total),
        Some(Outcome::Cancelled(reason)) => {
            format!("{captured} captured, but the order is cancelled ({reason})")
        }
        None => format!("{captured} captured, but the order is not finished"),
    })
}

#[cfg(test)]
mod tests {
    use bowline_kernel::{Currency, Money};
    use bowline_orders_domain::CancelReason;

    use super::*;
    use crate::payments::Side;

    fn side(minor: i64) -> Side {
        Side { minor, currency: (minor != 0).then_some("GBP") }
    }

    fn payment(authorized: i64, captured: i64, voided: i64) -> Payment {
        Payment { authorized: side(authorized), captured: side(captured), voided: side(voided), open: false }
    }

    fn order(outcome: Option<Outcome>) -> Order {
        Order { outcome, total: Money::new(100, Currency::GBP), units: 1 }
    }

    fn balance(payment: Payment) -> u64 {
        authorized_is_captured_or_voided(&[(Uuid::nil(), payment)].into()).violations
    }

    fn capture(outcome: Option<Outcome>, payment: Option<Payment>) -> u64 {
        let payments = payment.map(|payment| (Uuid::nil(), payment)).into_iter().collect();
        captured_is_the_total_of_the_confirmed(&[(Uuid::nil(), order(outcome))].into(), &payments).violations
    }

    #[test]
    fn what_was_authorised_is_captured_or_voided() {
        for balanced in [payment(100, 100, 0), payment(100, 0, 100), payment(0, 0, 0)] {
            assert_eq!(balance(balanced), 0, "{balanced:?}");
        }
        let open = Payment { open: true, ..payment(0, 0, 0) };
        let mixed = Payment { captured: Side { minor: 100, currency: Some("EUR") }, ..payment(100, 0, 0) };
        for broken in [payment(100, 0, 0), payment(100, 100, 100), payment(0, 100, 0), open, mixed] {
            assert_eq!(balance(broken), 1, "{broken:?}");
        }
    }

    #[test]
    fn only_a_confirmed_order_is_paid_and_exactly() {
        let (confirmed, cancelled) =
            (Some(Outcome::Confirmed), Some(Outcome::Cancelled(CancelReason::Customer)));
        assert_eq!(capture(confirmed, Some(payment(100, 100, 0))), 0);
        assert_eq!(capture(cancelled, Some(payment(100, 0, 100))), 0);
        assert_eq!(capture(cancelled, None), 0);
        assert_eq!(capture(confirmed, None), 1);
        assert_eq!(capture(confirmed, Some(payment(99, 99, 0))), 1);
        assert_eq!(capture(cancelled, Some(payment(100, 100, 0))), 1);
        assert_eq!(capture(None, Some(payment(100, 100, 0))), 1);
    }

    #[test]
    fn money_without_an_order_is_a_violation_and_a_tombstone_is_not() {
        let stray = |payment| {
            captured_is_the_total_of_the_confirmed(&HashMap::new(), &[(Uuid::nil(), payment)].into())
        };
        assert_eq!(stray(payment(100, 0, 100)).violations, 1);
        assert_eq!(stray(payment(0, 0, 0)).violations, 0);
    }
}
