use bowline_kernel::{Currency, OrderId};
use bowline_payment_domain::FailedCalls;
use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::app::intent::Origin;

const ORDER: &str = "0192f0c1-7e2a-7bbb-8ccc-0123456789ab";

fn intent(operation: Operation) -> Intent {
    Intent {
        order_id: OrderId::new(Uuid::try_parse(ORDER).unwrap()),
        partition: 0,
        operation,
        causation: None,
        traceparent: None,
        requested_at: DateTime::UNIX_EPOCH,
        origin: Origin::Committed,
        failed_calls: FailedCalls::default(),
    }
}

fn total() -> Money {
    Money::new(1_234, Currency::GBP)
}

fn authorize() -> Intent {
    intent(Operation::Authorize { amount: total(), payment_token: "tok_visa".parse().unwrap() })
}

fn capture() -> Intent {
    intent(Operation::Capture { amount: total(), provider_reference: "ch_1".parse().unwrap() })
}

fn void() -> Intent {
    intent(Operation::Void { amount: total(), provider_reference: "ch_1".parse().unwrap() })
}

/// What the provider answers about an intent when all is well, with some fields replaced.
fn answer(intent: &Intent, kind: &str, changes: &[(&str, Value)]) -> Result<Outcome, Trouble> {
    let mut document = json!({
        "idempotency_key": intent.idempotency_key(), "kind": kind, "result": "done", "reason": null,
        "charge_id": "ch_1", "merchant_reference": ORDER, "amount": {"value": "12.34", "iso": "GBP"},
    });
    for (field, value) in changes {
        document[*field] = value.clone();
    }
    let document = serde_json::from_value(document).unwrap();
    outcome(intent, &intent.idempotency_key(), &document)
}

#[test]
fn what_is_done_is_our_outcome() {
    let authorized = answer(&authorize(), "hold", &[]).unwrap();
    assert_eq!(authorized, Outcome::Authorized { provider_reference: "ch_1".parse().unwrap() });
    assert_eq!(answer(&capture(), "settle", &[]).unwrap(), Outcome::Captured);
    assert_eq!(answer(&void(), "release", &[]).unwrap(), Outcome::Voided);
}

#[test]
fn what_is_refused_has_a_reason_in_our_words() {
    for (theirs, ours) in [
        (json!("insufficient_funds"), "insufficient_funds"),
        (json!("expired_card"), "card_expired"),
        (json!("lost_card"), "card_lost"),
        (json!("suspected_fraud"), "fraud_suspected"),
        (json!("do_not_honour"), "refused_by_issuer"),
        (json!("something_new"), "unspecified"),
        (json!(null), "unspecified"),
    ] {
        let declined = answer(&authorize(), "hold", &[("result", json!("refused")), ("reason", theirs)]);
        assert_eq!(declined.unwrap(), Outcome::Declined { reason: ours.parse().unwrap() });
    }
    let refused = [("result", json!("refused")), ("reason", json!("settlement_refused"))];
    let reason = "capture_refused_by_issuer".parse().unwrap();
    assert_eq!(answer(&capture(), "settle", &refused).unwrap(), Outcome::CaptureRefused { reason });
}

#[test]
fn a_release_of_nothing_is_a_void() {
    let refused = |reason| [("result", json!("refused")), ("reason", json!(reason))];
    assert_eq!(answer(&void(), "release", &refused("nothing_held")).unwrap(), Outcome::Voided);
    assert!(answer(&void(), "release", &refused("not_today")).is_err());
}

#[test]
fn a_document_about_something_else_is_no_outcome() {
    for (field, value) in [
        ("idempotency_key", json!("other:authorize")),
        ("kind", json!("release")),
        ("merchant_reference", json!("0192f0c1-7e2a-7bbb-8ccc-0123456789ac")),
        ("charge_id", json!("ch_2")),
        ("amount", json!({"value": "12.35", "iso": "GBP"})),
        ("amount", json!({"value": "12.34", "iso": "EUR"})),
        ("amount", json!({"value": "12.340", "iso": "GBP"})),
    ] {
        let trouble = answer(&capture(), "settle", &[(field, value)]).unwrap_err();
        assert!(matches!(trouble, Trouble::Contradiction(_)), "{field}: {trouble}");
    }
}
