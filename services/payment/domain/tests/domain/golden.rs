//! The stored form of every event. A line here never changes; a new schema version adds one.

use bowline_payment_domain::{
    AuthorizationRequested, CaptureFailed, CaptureRequested, DecodeError, Event, FailedCalls,
    PaymentAuthorized, PaymentCaptured, PaymentDeclined, PaymentVoided, VoidDeferred, VoidRequested,
};

use crate::given::{TOTAL, at, order_id, reason, reference, token};

/// What the provider is to be asked, and what waits for it.
fn golden_requests() -> Vec<(&'static str, u16, &'static str, Event)> {
    vec![
        (
            "authorization_requested",
            1,
            r#"{"order_id":"0192f0c1-7e2a-7bbb-8ccc-0123456789ab","amount":{"minor":765,"currency":"GBP"},"payment_token":"tok_ok","requested_at":"2026-01-02T03:04:05Z"}"#,
            Event::AuthorizationRequested(AuthorizationRequested {
                order_id: order_id(),
                amount: TOTAL,
                payment_token: token(),
                requested_at: at(),
            }),
        ),
        (
            "capture_requested",
            1,
            r#"{"requested_at":"2026-01-02T03:04:05Z"}"#,
            Event::CaptureRequested(CaptureRequested { requested_at: at() }),
        ),
        (
            "void_deferred",
            1,
            r#"{"deferred_at":"2026-01-02T03:04:05Z"}"#,
            Event::VoidDeferred(VoidDeferred { deferred_at: at() }),
        ),
        (
            "void_requested",
            1,
            r#"{"requested_at":"2026-01-02T03:04:05Z"}"#,
            Event::VoidRequested(VoidRequested { requested_at: at() }),
        ),
    ]
}

/// Outcomes of a first call.
fn golden_outcomes() -> Vec<(&'static str, u16, &'static str, Event)> {
    vec![
        (
            "payment_authorized",
            1,
            r#"{"amount":{"minor":765,"currency":"GBP"},"provider_reference":"ch_1","authorized_at":"2026-01-02T03:04:05Z"}"#,
            Event::PaymentAuthorized(PaymentAuthorized {
                amount: TOTAL,
                provider_reference: reference(),
                authorized_at: at(),
                failed_calls: FailedCalls::default(),
            }),
        ),
        (
            "payment_declined",
            1,
            r#"{"reason":"insufficient_funds","declined_at":"2026-01-02T03:04:05Z"}"#,
            Event::PaymentDeclined(PaymentDeclined {
                reason: reason("insufficient_funds"),
                declined_at: at(),
                failed_calls: FailedCalls::default(),
            }),
        ),
        (
            "payment_captured",
            1,
            r#"{"amount":{"minor":765,"currency":"GBP"},"captured_at":"2026-01-02T03:04:05Z"}"#,
            Event::PaymentCaptured(PaymentCaptured {
                amount: TOTAL,
                captured_at: at(),
                failed_calls: FailedCalls::default(),
            }),
        ),
        (
            "capture_failed",
            1,
            r#"{"reason":"expired","failed_at":"2026-01-02T03:04:05Z"}"#,
            Event::CaptureFailed(CaptureFailed {
                reason: reason("expired"),
                failed_at: at(),
                failed_calls: FailedCalls::default(),
            }),
        ),
        (
            "payment_voided",
            1,
            r#"{"amount":{"minor":765,"currency":"GBP"},"voided_at":"2026-01-02T03:04:05Z"}"#,
            Event::PaymentVoided(PaymentVoided {
                amount: Some(TOTAL),
                voided_at: at(),
                failed_calls: FailedCalls::default(),
            }),
        ),
        (
            "payment_voided",
            1,
            r#"{"amount":null,"voided_at":"2026-01-02T03:04:05Z"}"#,
            Event::PaymentVoided(PaymentVoided {
                amount: None,
                voided_at: at(),
                failed_calls: FailedCalls::default(),
            }),
        ),
    ]
}

/// Outcomes that took more than one call.
fn golden_after_failed_calls() -> Vec<(&'static str, u16, &'static str, Event)> {
    vec![
        (
            "payment_authorized",
            1,
            r#"{"amount":{"minor":765,"currency":"GBP"},"provider_reference":"ch_1","authorized_at":"2026-01-02T03:04:05Z","failed_calls":{"count":2,"last":"timed_out"}}"#,
            Event::PaymentAuthorized(PaymentAuthorized {
                amount: TOTAL,
                provider_reference: reference(),
                authorized_at: at(),
                failed_calls: failed_calls(),
            }),
        ),
        (
            "payment_declined",
            1,
            r#"{"reason":"insufficient_funds","declined_at":"2026-01-02T03:04:05Z","failed_calls":{"count":2,"last":"timed_out"}}"#,
            Event::PaymentDeclined(PaymentDeclined {
                reason: reason("insufficient_funds"),
                declined_at: at(),
                failed_calls: failed_calls(),
            }),
        ),
        (
            "payment_captured",
            1,
            r#"{"amount":{"minor":765,"currency":"GBP"},"captured_at":"2026-01-02T03:04:05Z","failed_calls":{"count":2,"last":"timed_out"}}"#,
            Event::PaymentCaptured(PaymentCaptured {
                amount: TOTAL,
                captured_at: at(),
                failed_calls: failed_calls(),
            }),
        ),
        (
            "capture_failed",
            1,
            r#"{"reason":"expired","failed_at":"2026-01-02T03:04:05Z","failed_calls":{"count":2,"last":"timed_out"}}"#,
            Event::CaptureFailed(CaptureFailed {
                reason: reason("expired"),
                failed_at: at(),
                failed_calls: failed_calls(),
            }),
        ),
        (
            "payment_voided",
            1,
            r#"{"amount":{"minor":765,"currency":"GBP"},"voided_at":"2026-01-02T03:04:05Z","failed_calls":{"count":2,"last":"timed_out"}}"#,
            Event::PaymentVoided(PaymentVoided {
                amount: Some(TOTAL),
                voided_at: at(),
                failed_calls: failed_calls(),
            }),
        ),
    ]
}

fn failed_calls() -> FailedCalls {
    FailedCalls { count: 2, last: Some(reason("timed_out")) }
}

#[test]
fn every_event_is_stored_in_this_form_and_read_back() {
    for (event_type, schema_version, payload, event) in
        [golden_requests(), golden_outcomes(), golden_after_failed_calls()].concat()
    {
        assert_eq!(event.event_type(), event_type);
        assert_eq!(event.schema_version(), schema_version);
        assert_eq!(String::from_utf8(event.encode()).unwrap(), payload);
        assert_eq!(Event::decode(event_type, schema_version, payload.as_bytes()).unwrap(), event);
    }
}

#[test]
fn what_is_not_known_is_not_guessed() {
    for (event_type, schema_version) in
        [("payment_refunded", 1), ("payment_voided", 2), ("payment_voided", 0)]
    {
        let error = Event::decode(event_type, schema_version, b"{}").unwrap_err();
        assert!(matches!(error, DecodeError::Unknown { .. }), "{error}");
    }
    let error = Event::decode("payment_authorized", 1, b"{}").unwrap_err();
    assert!(matches!(error, DecodeError::Malformed { .. }), "{error}");
}
