use bowline_payment_simulator::Switches;
use reqwest::Method;
use serde_json::{Value, json};

use crate::provider::{Provider, hold_body};

fn with(field: &str, value: impl Into<Value>) -> Value {
    let mut body = hold_body("order-1", "tok_visa", "10");
    body[field] = value.into();
    body
}

#[tokio::test]
async fn a_malformed_hold_is_refused_by_code_and_has_no_effect() -> anyhow::Result<()> {
    let Provider { merchant, simulator, .. } = &Provider::start(Switches::default()).await?;
    let amount = |value: &str, iso: &str| with("amount", json!({"value": value, "iso": iso}));
    for (body, code, told) in [
        (amount("0", "GBP"), "invalid_amount", "amount.value"),
        (amount("0.00", "GBP"), "invalid_amount", "amount.value"),
        (amount("-1", "GBP"), "invalid_amount", "amount.value"),
        (amount("1.234", "GBP"), "invalid_amount", "amount.value"),
        (amount("1", "XXQ"), "unknown_currency", "amount.iso"),
        (with("amount", 12.34), "malformed_request", "body"),
        (with("merchant_reference", ""), "invalid_field", "merchant_reference"),
        (with("merchant_reference", "x".repeat(129)), "invalid_field", "merchant_reference"),
        (with("token", "a\nb"), "invalid_field", "token"),
        (with("token", "x".repeat(129)), "invalid_field", "token"),
        (with("surprise", true), "malformed_request", "surprise"),
        (json!({}), "malformed_request", "merchant_reference"),
        (json!([]), "malformed_request", "body"),
    ] {
        let answer = merchant.write("/v1/charges", "key", &body).await?;
        assert_eq!(answer.fault(), (400, code), "{body}");
        let message = answer.body["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(told), "{message:?} must name {told}");
    }
    assert_eq!(simulator.books().await?.len(), 0);
    assert_eq!(
        merchant.write("/v1/charges", "key", &hold_body("order-1", "tok_visa", "10")).await?.status,
        201
    );
    Ok(())
}

#[tokio::test]
async fn a_settlement_needs_a_sensible_amount() -> anyhow::Result<()> {
    let Provider { merchant, .. } = &Provider::start(Switches::default()).await?;
    let id = merchant.hold("order-1", "tok_visa", "10").await?.charge_id();
    assert_eq!(merchant.settle(&id, "key", Some("0")).await?.fault(), (400, "invalid_amount"));
    let path = format!("/v1/charges/{id}/settle");
    let euros = json!({"amount": {"value": "1.00", "iso": "EUR"}});
    assert_eq!(merchant.write(&path, "key", &euros).await?.fault(), (422, "currency_mismatch"));
    assert_eq!(merchant.settle(&id, "key", None).await?.result(), "done", "the key is still free");
    Ok(())
}

#[tokio::test]
async fn a_write_needs_one_sound_idempotency_key() -> anyhow::Result<()> {
    let Provider { merchant, .. } = &Provider::start(Switches::default()).await?;
    let body = hold_body("order-1", "tok_visa", "10");
    let without = merchant.send(Method::POST, "/v1/charges", &body).await?;
    assert_eq!(without.fault(), (400, "missing_idempotency_key"));
    for key in ["", "with space", &"x".repeat(129)] {
        assert_eq!(
            merchant.write("/v1/charges", key, &body).await?.fault(),
            (400, "invalid_field"),
            "{key:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn limits_and_unknown_places_answer_in_the_same_shape() -> anyhow::Result<()> {
    let Provider { merchant, .. } = &Provider::start(Switches::default()).await?;
    let large = with("token", "x".repeat(20_000));
    assert_eq!(merchant.write("/v1/charges", "key", &large).await?.fault(), (413, "body_too_large"));
    assert_eq!(merchant.get("/v1/refunds").await?.fault(), (404, "unknown_route"));
    let deleted = merchant.send(Method::DELETE, "/v1/charges", &json!({})).await?;
    assert_eq!(deleted.fault(), (405, "method_not_allowed"));
    assert_eq!(merchant.get("/v1/charges").await?.fault(), (400, "malformed_request"));
    for (query, code) in [
        ("limit=0", "invalid_field"),
        ("limit=1001", "invalid_field"),
        ("limit=many", "malformed_request"),
        ("after=first", "malformed_request"),
        ("from=1", "malformed_request"),
    ] {
        assert_eq!(merchant.get(&format!("/v1/books?{query}")).await?.fault(), (400, code), "{query}");
    }
    Ok(())
}
