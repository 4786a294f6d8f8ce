use bowline_kernel::{Currency, Quantity};
use chrono::DateTime;

use super::*;
use crate::OrderLine;

fn gbp(minor: i64) -> Money {
    Money::new(minor, Currency::GBP)
}

fn quantity(units: u32) -> Quantity {
    Quantity::new(units).unwrap()
}

fn shortages(missing: &[(&str, u32)]) -> Vec<Shortage> {
    let shortage =
        |(sku, units): &(&str, u32)| Shortage { sku: sku.parse().unwrap(), missing: quantity(*units) };
    missing.iter().map(shortage).collect()
}

fn placed(quantities: &[u32]) -> PublicEvent {
    let line = |(number, units): (usize, &u32)| OrderLine {
        sku: number.to_string().parse().unwrap(),
        name: "lantern".to_owned(),
        quantity: quantity(*units),
        unit_price: gbp(100),
    };
    PublicEvent::OrderPlaced {
        customer_id: "17850".parse().unwrap(),
        country: "United Kingdom".to_owned(),
        lines: quantities.iter().enumerate().map(line).collect(),
        total: gbp(1_234),
        placed_at: DateTime::UNIX_EPOCH,
    }
}

#[test]
fn orders_says() {
    let at = DateTime::UNIX_EPOCH;
    assert_eq!(of(&placed(&[6, 5, 1])), "placed 12 units over 3 lines for 12.34 GBP");
    assert_eq!(of(&placed(&[1])), "placed 1 unit over 1 line for 12.34 GBP");
    assert_eq!(of(&PublicEvent::OrderConfirmed { confirmed_at: at }), "confirmed");
    for (reason, cause) in [
        (CancelReason::OutOfStock, "out of stock"),
        (CancelReason::PaymentDeclined, "payment declined"),
        (CancelReason::Customer, "by the customer"),
        (CancelReason::CaptureFailed, "capture failed"),
        (CancelReason::Deadline, "deadline passed"),
    ] {
        let cancelled = PublicEvent::OrderCancelled { reason, cancelled_at: at };
        assert_eq!(of(&cancelled), format!("cancelled: {cause}"));
    }
    let finished =
        |status, cancel_reason| of(&PublicEvent::OrderFinished { status, cancel_reason, finished_at: at });
    assert_eq!(finished(OrderStatus::Confirmed, None), "finished: confirmed");
    let declined = Some(CancelReason::PaymentDeclined);
    assert_eq!(finished(OrderStatus::Cancelled, declined), "finished: cancelled, payment declined");
}

#[test]
fn inventory_says() {
    let at = DateTime::UNIX_EPOCH;
    let reserved = |units, lines| of(&PublicEvent::StockReserved { units, lines, reserved_at: at });
    assert_eq!(reserved(12, 3), "reserved 12 units over 3 lines");
    assert_eq!(reserved(1, 1), "reserved 1 unit over 1 line");
    let rejected =
        |missing| of(&PublicEvent::StockRejected { shortages: shortages(missing), rejected_at: at });
    assert_eq!(rejected(&[("85123A", 3)]), "out of stock: 3 of 85123A missing");
    assert_eq!(
        rejected(&[("A", 3), ("B", 1), ("C", 2), ("D", 9), ("E", 9)]),
        "out of stock: 3 of A missing, 1 of B missing, 2 of C missing, and 2 more"
    );
    assert_eq!(of(&PublicEvent::StockCommitted { units: 12, committed_at: at }), "sold 12 units");
    assert_eq!(of(&PublicEvent::StockReleased { units: 1, released_at: at }), "released 1 unit");
    assert_eq!(of(&PublicEvent::StockReleased { units: 0, released_at: at }), "nothing to release");
    assert_eq!(of(&PublicEvent::StockRestocked { units: 12, restocked_at: at }), "put back 12 units");
    assert_eq!(of(&PublicEvent::StockRestocked { units: 0, restocked_at: at }), "nothing to put back");
}

#[test]
fn payment_says() {
    let at = DateTime::UNIX_EPOCH;
    let amount = gbp(1_234);
    assert_eq!(
        of(&PublicEvent::PaymentAuthorized { amount, authorized_at: at, attempts: Attempts::default() }),
        "authorised 12.34 GBP"
    );
    assert_eq!(
        of(&PublicEvent::PaymentCaptured { amount, captured_at: at, attempts: Attempts::default() }),
        "captured 12.34 GBP"
    );
    let reason = "insufficient_funds".to_owned();
    let declined = PublicEvent::PaymentDeclined {
        reason: reason.clone(),
        declined_at: at,
        attempts: Attempts::default(),
    };
    assert_eq!(of(&declined), "declined: insufficient funds");
    let refused = PublicEvent::PaymentCaptureFailed { reason, failed_at: at, attempts: Attempts::default() };
    assert_eq!(of(&refused), "capture refused: insufficient funds");
    let voided =
        |amount| of(&PublicEvent::PaymentVoided { amount, voided_at: at, attempts: Attempts::default() });
    assert_eq!(voided(Some(amount)), "voided 12.34 GBP");
    assert_eq!(voided(Some(gbp(0))), "nothing to void");
    assert_eq!(voided(None), "nothing to void");
}

#[test]
fn attempts_are_told_when_the_first_was_not_enough() {
    let (at, amount) = (DateTime::UNIX_EPOCH, gbp(1_234));
    let captured = |count, last_failure: &str| {
        let attempts = Attempts { count, last_failure: last_failure.to_owned() };
        of(&PublicEvent::PaymentCaptured { amount, captured_at: at, attempts })
    };
    assert_eq!(captured(1, ""), "captured 12.34 GBP");
    assert_eq!(captured(3, "timed_out"), "captured 12.34 GBP after 3 attempts, the last failure: timed out");
    assert_eq!(captured(2, ""), "captured 12.34 GBP after 2 attempts");
}
