//! The stored form of every event, held in `tests/golden`. A file there never changes; a new schema version adds one.

use bowline_golden::{Form, hold_stored, stored};
use bowline_kernel::stored::{DecodeError, Stored as _};
use bowline_payment_domain::{
    AuthorizationRequested, CaptureFailed, CaptureRequested, Event, FailedCalls, PaymentAuthorized,
    PaymentCaptured, PaymentDeclined, PaymentVoided, VoidDeferred, VoidRequested,
};

use crate::given::{TOTAL, at, order_id, reason, reference, token};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

/// A form in the schema version that is written today. For one that is only read any more: [`stored`].
fn form(variant: &str, event: Event) -> Form<Event> {
    let written = event.encode();
    stored(event.event_type(), event.schema_version(), variant, event, Some(written))
}

/// What the provider is to be asked, and what waits for it.
fn requests() -> Vec<Form<Event>> {
    let authorization = AuthorizationRequested {
        order_id: order_id(),
        amount: TOTAL,
        payment_token: token(),
        requested_at: at(),
    };
    vec![
        form("complete", Event::AuthorizationRequested(authorization)),
        form("complete", Event::CaptureRequested(CaptureRequested { requested_at: at() })),
        form("complete", Event::VoidDeferred(VoidDeferred { deferred_at: at() })),
        form("complete", Event::VoidRequested(VoidRequested { requested_at: at() })),
    ]
}

/// Every outcome of an operation, after these calls.
fn outcomes(variant: &str, failed_calls: &FailedCalls) -> Vec<Form<Event>> {
    let failed_calls = || failed_calls.clone();
    let voided = |amount| {
        Event::PaymentVoided(PaymentVoided { amount, voided_at: at(), failed_calls: failed_calls() })
    };
    let mut forms = vec![
        form(
            variant,
            Event::PaymentAuthorized(PaymentAuthorized {
                amount: TOTAL,
                provider_reference: reference(),
                authorized_at: at(),
                failed_calls: failed_calls(),
            }),
        ),
        form(
            variant,
            Event::PaymentDeclined(PaymentDeclined {
                reason: reason("insufficient_funds"),
                declined_at: at(),
                failed_calls: failed_calls(),
            }),
        ),
        form(
            variant,
            Event::PaymentCaptured(PaymentCaptured {
                amount: TOTAL,
                captured_at: at(),
                failed_calls: failed_calls(),
            }),
        ),
        form(
            variant,
            Event::CaptureFailed(CaptureFailed {
                reason: reason("expired"),
                failed_at: at(),
                failed_calls: failed_calls(),
            }),
        ),
        form(variant, voided(Some(TOTAL))),
    ];
    // An order given up before payment ever heard of it.
    if failed_calls().is_none() {
        forms.push(form("unasked", voided(None)));
    }
    forms
}

#[test]
fn every_event_is_stored_in_this_form_and_read_back() {
    let after_failed_calls = FailedCalls { count: 2, last: Some(reason("timed_out")) };
    let forms =
        [requests(), outcomes("minimal", &FailedCalls::default()), outcomes("complete", &after_failed_calls)];
    hold_stored(FOLDER, Event::TYPES, &forms.concat(), Event::decode);
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
