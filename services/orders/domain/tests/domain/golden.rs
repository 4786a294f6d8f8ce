//! The stored form of every event, held in `tests/golden`. A file there never changes; a new schema version adds one.

use bowline_golden::{Form, hold_stored, stored};
use bowline_kernel::stored::{DecodeError, Stored as _};
use bowline_kernel::{Currency, Money};
use bowline_orders_domain::{
    CancelReason, CaptureNoted, Event, OrderCancelled, OrderConfirmed, OrderFinished, Outcome,
    StockCommitNoted, StockReleaseNoted, StockReservationNoted, StockRestockNoted, VoidNoted,
};

use crate::given::{TOTAL, at, order_placed};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// A form in the schema version that is written today. For one that is only read any more: [`stored`].
fn form(variant: &str, event: Event) -> Form<Event> {
    let written = event.encode();
    stored(event.event_type(), event.schema_version(), variant, event, Some(written))
}

fn forms() -> Vec<Form<Event>> {
    let noted_at = at();
    let finished = |outcome| Event::OrderFinished(OrderFinished { outcome, finished_at: at() });
    let cancelled = |reason| Event::OrderCancelled(OrderCancelled { reason, cancelled_at: at() });
    vec![
        form("complete", order_placed()),
        form("minimal", without_a_country(order_placed())),
        form("complete", Event::StockReservationNoted(StockReservationNoted { noted_at })),
        form("complete", Event::OrderConfirmed(OrderConfirmed { placed_at: at(), confirmed_at: at() })),
        form("out_of_stock", cancelled(CancelReason::OutOfStock)),
        form("payment_declined", cancelled(CancelReason::PaymentDeclined)),
        form("customer", cancelled(CancelReason::Customer)),
        form("capture_failed", cancelled(CancelReason::CaptureFailed)),
        form("deadline", cancelled(CancelReason::Deadline)),
        form("complete", Event::StockCommitNoted(StockCommitNoted { units: 3, noted_at })),
        form("complete", Event::StockReleaseNoted(StockReleaseNoted { units: 3, noted_at })),
        form("minimal", Event::StockReleaseNoted(StockReleaseNoted { units: 0, noted_at })),
        form("complete", Event::StockRestockNoted(StockRestockNoted { units: 3, noted_at })),
        form("minimal", Event::StockRestockNoted(StockRestockNoted { units: 0, noted_at })),
        form("complete", Event::CaptureNoted(CaptureNoted { amount: TOTAL, noted_at })),
        form("complete", Event::VoidNoted(VoidNoted { amount: TOTAL, noted_at })),
        form("minimal", Event::VoidNoted(VoidNoted { amount: Money::zero(Currency::GBP), noted_at })),
        form("confirmed", finished(Outcome::Confirmed)),
        form("cancelled", finished(Outcome::Cancelled(CancelReason::CaptureFailed))),
    ]
}

fn without_a_country(event: Event) -> Event {
    let Event::OrderPlaced(mut placed) = event else { panic!("it is OrderPlaced") };
    placed.country = None;
    Event::OrderPlaced(placed)
}

#[test]
fn every_event_is_stored_in_this_form_and_read_back() {
    hold_stored(FOLDER, Event::TYPES, &forms(), Event::decode);
}

#[test]
fn every_reason_keeps_its_name() {
    let reasons = [
        (CancelReason::OutOfStock, "out_of_stock"),
        (CancelReason::PaymentDeclined, "payment_declined"),
        (CancelReason::Customer, "customer"),
        (CancelReason::CaptureFailed, "capture_failed"),
        (CancelReason::Deadline, "deadline"),
    ];
    for (reason, name) in reasons {
        let event = Event::OrderCancelled(OrderCancelled { reason, cancelled_at: at() });
        assert!(String::from_utf8(event.encode()).unwrap().contains(&format!("\"reason\":\"{name}\"")));
        assert_eq!(reason.name(), name);
    }
}

#[test]
fn what_is_not_known_is_not_guessed() {
    for (event_type, schema_version) in [("order_shipped", 1), ("order_placed", 2), ("order_placed", 0)] {
        let error = Event::decode(event_type, schema_version, b"{}").unwrap_err();
        assert!(matches!(error, DecodeError::Unknown { .. }), "{error}");
    }
    let error = Event::decode("order_placed", 1, b"{}").unwrap_err();
    assert!(matches!(error, DecodeError::Malformed { .. }), "{error}");
}
