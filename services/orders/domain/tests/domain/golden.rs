//! The stored form of every event. A line here never changes; a new schema version adds one.

use bowline_orders_domain::{
    CancelReason, CaptureNoted, DecodeError, Event, OrderCancelled, OrderConfirmed, OrderFinished, Outcome,
    StockCommitNoted, StockReleaseNoted, StockReservationNoted, StockRestockNoted, VoidNoted,
};

use crate::given::{TOTAL, at, order_placed};

fn golden() -> Vec<(&'static str, u16, &'static str, Event)> {
    let noted_at = at();
    vec![
        (
            "order_placed",
            1,
            r#"{"order_id":"0192f0c1-7e2a-7bbb-8ccc-0123456789ab","customer_id":"13085","lines":[{"sku":"85123A","name":"WHITE HANGING HEART","quantity":3,"unit_price":{"minor":255,"currency":"GBP"}}],"total":{"minor":765,"currency":"GBP"},"payment_token":"tok_ok","country":"United Kingdom","placed_at":"2026-01-02T03:04:05Z"}"#,
            order_placed(),
        ),
        (
            "stock_reservation_noted",
            1,
            r#"{"noted_at":"2026-01-02T03:04:05Z"}"#,
            Event::StockReservationNoted(StockReservationNoted { noted_at }),
        ),
        (
            "order_confirmed",
            1,
            r#"{"placed_at":"2026-01-02T03:04:05Z","confirmed_at":"2026-01-02T03:04:05Z"}"#,
            Event::OrderConfirmed(OrderConfirmed { placed_at: at(), confirmed_at: at() }),
        ),
        (
            "order_cancelled",
            1,
            r#"{"reason":"out_of_stock","cancelled_at":"2026-01-02T03:04:05Z"}"#,
            Event::OrderCancelled(OrderCancelled { reason: CancelReason::OutOfStock, cancelled_at: at() }),
        ),
        (
            "stock_commit_noted",
            1,
            r#"{"units":3,"noted_at":"2026-01-02T03:04:05Z"}"#,
            Event::StockCommitNoted(StockCommitNoted { units: 3, noted_at }),
        ),
        (
            "stock_release_noted",
            1,
            r#"{"units":0,"noted_at":"2026-01-02T03:04:05Z"}"#,
            Event::StockReleaseNoted(StockReleaseNoted { units: 0, noted_at }),
        ),
        (
            "stock_restock_noted",
            1,
            r#"{"units":3,"noted_at":"2026-01-02T03:04:05Z"}"#,
            Event::StockRestockNoted(StockRestockNoted { units: 3, noted_at }),
        ),
        (
            "capture_noted",
            1,
            r#"{"amount":{"minor":765,"currency":"GBP"},"noted_at":"2026-01-02T03:04:05Z"}"#,
            Event::CaptureNoted(CaptureNoted { amount: TOTAL, noted_at }),
        ),
        (
            "void_noted",
            1,
            r#"{"amount":{"minor":765,"currency":"GBP"},"noted_at":"2026-01-02T03:04:05Z"}"#,
            Event::VoidNoted(VoidNoted { amount: TOTAL, noted_at }),
        ),
        (
            "order_finished",
            1,
            r#"{"outcome":"confirmed","finished_at":"2026-01-02T03:04:05Z"}"#,
            Event::OrderFinished(OrderFinished { outcome: Outcome::Confirmed, finished_at: at() }),
        ),
        (
            "order_finished",
            1,
            r#"{"outcome":{"cancelled":"capture_failed"},"finished_at":"2026-01-02T03:04:05Z"}"#,
            Event::OrderFinished(OrderFinished {
                outcome: Outcome::Cancelled(CancelReason::CaptureFailed),
                finished_at: at(),
            }),
        ),
    ]
}

#[test]
fn every_event_is_stored_in_this_form_and_read_back() {
    for (event_type, schema_version, payload, event) in golden() {
        assert_eq!(event.event_type(), event_type);
        assert_eq!(event.schema_version(), schema_version);
        assert_eq!(String::from_utf8(event.encode()).unwrap(), payload);
        assert_eq!(Event::decode(event_type, schema_version, payload.as_bytes()).unwrap(), event);
    }
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
fn an_order_without_a_country_is_read() {
    let Event::OrderPlaced(mut placed) = order_placed() else { panic!("it is OrderPlaced") };
    placed.country = None;
    let event = Event::OrderPlaced(placed);
    assert!(!String::from_utf8(event.encode()).unwrap().contains("country"));
    assert_eq!(Event::decode("order_placed", 1, &event.encode()).unwrap(), event);
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
