use bowline_payment_simulator::{BooksPage, Switches};
use serde_json::{Value, json};

use crate::provider::{Provider, pounds};

fn amounts(charge: &Value) -> [&str; 5] {
    let value = |field: &str| charge[field]["value"].as_str().unwrap_or("none");
    [
        charge["state"].as_str().unwrap_or("none"),
        value("held"),
        value("settled"),
        value("released"),
        value("outstanding"),
    ]
}

#[tokio::test]
async fn a_hold_answers_with_its_operation_and_shows_as_a_charge() -> anyhow::Result<()> {
    let Provider { merchant, .. } = &Provider::start(Switches::default()).await?;
    let held = merchant.hold("order-1", "tok_visa", "12.3").await?;
    assert_eq!(held.status, 201);
    assert_eq!(
        held.body,
        json!({
            "idempotency_key": "order-1:hold",
            "kind": "hold",
            "result": "done",
            "reason": null,
            "charge_id": "ch_0000000001",
            "merchant_reference": "order-1",
            "amount": {"value": "12.30", "iso": "GBP"},
        })
    );
    assert_eq!(
        merchant.charge("ch_0000000001").await?,
        json!({
            "id": "ch_0000000001",
            "merchant_reference": "order-1",
            "state": "held",
            "reason": null,
            "asked": pounds("12.30"),
            "held": pounds("12.30"),
            "settled": pounds("0.00"),
            "released": pounds("0.00"),
            "outstanding": pounds("12.30"),
        })
    );
    assert_eq!(merchant.get("/v1/operations/order-1:hold").await?.body, held.body);
    Ok(())
}

#[tokio::test]
async fn a_declined_hold_is_a_refused_charge_that_holds_nothing() -> anyhow::Result<()> {
    let Provider { merchant, .. } = &Provider::start(Switches::default()).await?;
    let declined = merchant.hold("order-1", "tok_decline_insufficient_funds", "5").await?;
    assert_eq!((declined.status.as_u16(), declined.result()), (201, "insufficient_funds"));
    let charge = merchant.charge(&declined.charge_id()).await?;
    assert_eq!(amounts(&charge), ["refused", "0.00", "0.00", "0.00", "0.00"]);
    assert_eq!((&charge["reason"], &charge["asked"]), (&json!("insufficient_funds"), &pounds("5.00")));
    assert_eq!(merchant.settle(&declined.charge_id(), "s", None).await?.result(), "nothing_held");
    assert_eq!(merchant.release(&declined.charge_id(), "r").await?.result(), "nothing_held");
    Ok(())
}

#[tokio::test]
async fn a_hold_is_settled_once() -> anyhow::Result<()> {
    let Provider { merchant, .. } = &Provider::start(Switches::default()).await?;
    let id = merchant.hold("order-1", "tok_visa", "10").await?.charge_id();
    let settled = merchant.settle(&id, "settle", None).await?;
    assert_eq!((settled.status.as_u16(), settled.result()), (200, "done"));
    assert_eq!(settled.body["amount"], pounds("10.00"));
    assert_eq!(merchant.settle(&id, "again", Some("10")).await?.result(), "nothing_held");
    assert_eq!(merchant.release(&id, "release").await?.result(), "nothing_held");
    assert_eq!(amounts(&merchant.charge(&id).await?), ["settled", "10.00", "10.00", "0.00", "0.00"]);
    Ok(())
}

#[tokio::test]
async fn a_part_is_settled_and_the_rest_stays_held_until_released() -> anyhow::Result<()> {
    let Provider { merchant, .. } = &Provider::start(Switches::default()).await?;
    let id = merchant.hold("order-1", "tok_visa", "10").await?.charge_id();
    assert_eq!(merchant.settle(&id, "first", Some("4")).await?.result(), "done");
    assert_eq!(amounts(&merchant.charge(&id).await?), ["held", "10.00", "4.00", "0.00", "6.00"]);
    assert_eq!(merchant.settle(&id, "second", Some("6.01")).await?.result(), "exceeds_held");
    let released = merchant.release(&id, "rest").await?;
    assert_eq!((released.result(), &released.body["amount"]), ("done", &pounds("6.00")));
    assert_eq!(amounts(&merchant.charge(&id).await?), ["settled", "10.00", "4.00", "6.00", "0.00"]);
    Ok(())
}

#[tokio::test]
async fn a_released_hold_cannot_be_settled() -> anyhow::Result<()> {
    let Provider { merchant, .. } = &Provider::start(Switches::default()).await?;
    let id = merchant.hold("order-1", "tok_visa", "10").await?.charge_id();
    assert_eq!(merchant.release(&id, "release").await?.result(), "done");
    assert_eq!(merchant.settle(&id, "settle", None).await?.result(), "nothing_held");
    assert_eq!(merchant.release(&id, "again").await?.result(), "nothing_held");
    assert_eq!(amounts(&merchant.charge(&id).await?), ["released", "10.00", "0.00", "10.00", "0.00"]);
    Ok(())
}

#[tokio::test]
async fn a_token_can_bar_settling_for_good_but_not_releasing() -> anyhow::Result<()> {
    let Provider { merchant, .. } = &Provider::start(Switches::default()).await?;
    let id = merchant.hold("order-1", "tok_capture_refused_7", "10").await?.charge_id();
    assert_eq!(merchant.settle(&id, "one", None).await?.result(), "settlement_refused");
    assert_eq!(merchant.settle(&id, "two", Some("1")).await?.result(), "settlement_refused");
    assert_eq!(amounts(&merchant.charge(&id).await?), ["held", "10.00", "0.00", "0.00", "10.00"]);
    assert_eq!(merchant.release(&id, "release").await?.result(), "done");
    Ok(())
}

#[tokio::test]
async fn what_is_unknown_is_not_found_and_leaves_its_key_free() -> anyhow::Result<()> {
    let Provider { merchant, .. } = &Provider::start(Switches::default()).await?;
    for id in ["ch_0000000001", "order-1", "%FF"] {
        assert_eq!(merchant.release(id, "release").await?.fault(), (404, "unknown_charge"));
        assert_eq!(merchant.settle(id, "settle", None).await?.fault(), (404, "unknown_charge"));
        assert_eq!(merchant.get(&format!("/v1/charges/{id}")).await?.fault(), (404, "unknown_charge"));
    }
    assert_eq!(merchant.get("/v1/operations/release").await?.fault(), (404, "unknown_operation"));
    assert_eq!(merchant.get("/v1/operations/%FF").await?.fault(), (404, "unknown_operation"));
    let found = merchant.get("/v1/charges?merchant_reference=order-1").await?;
    assert_eq!((found.status.as_u16(), found.body), (200, json!({"charges": []})));
    let id = merchant.hold("order-1", "tok_visa", "10").await?.charge_id();
    assert_eq!(merchant.release(&id, "release").await?.result(), "done");
    Ok(())
}

#[tokio::test]
async fn all_charges_of_a_reference_are_found() -> anyhow::Result<()> {
    let Provider { merchant, .. } = &Provider::start(Switches::default()).await?;
    let body = crate::provider::hold_body("order-1", "tok_visa", "1");
    merchant.write("/v1/charges", "first", &body).await?;
    merchant.write("/v1/charges", "second", &body).await?;
    merchant.hold("order-2", "tok_visa", "1").await?;
    let found = merchant.get("/v1/charges?merchant_reference=order-1").await?.body;
    let ids: Vec<_> = found["charges"].as_array().into_iter().flatten().map(|charge| &charge["id"]).collect();
    assert_eq!(ids, ["ch_0000000001", "ch_0000000002"]);
    Ok(())
}

#[tokio::test]
async fn the_books_list_every_charge_and_operation_and_add_up() -> anyhow::Result<()> {
    let Provider { merchant, simulator, .. } = &Provider::start(Switches::default()).await?;
    for n in 0..7 {
        let id = merchant.hold(&format!("order-{n}"), "tok_visa", "10").await?.charge_id();
        match n % 3 {
            0 => merchant.settle(&id, &format!("order-{n}:settle"), Some("2.50")).await?,
            1 => merchant.release(&id, &format!("order-{n}:release")).await?,
            _ => continue,
        };
    }
    let mut entries = Vec::new();
    let mut path = "/v1/books?limit=3".to_owned();
    loop {
        let page: BooksPage = serde_json::from_value(merchant.get(&path).await?.body)?;
        assert!(page.entries.len() <= 3);
        entries.extend(page.entries);
        let Some(after) = page.next_after else { break };
        path = format!("/v1/books?limit=3&after={after}");
    }
    assert_eq!(entries, simulator.books().await?);
    assert_eq!(entries.len(), 7);
    for entry in &entries {
        let charge = &entry.charge;
        assert_eq!(
            charge.held.minor(),
            charge.settled.minor() + charge.released.minor() + charge.outstanding.minor(),
            "{charge:?}"
        );
    }
    let keys: Vec<_> =
        entries[0].operations.iter().map(|operation| operation.idempotency_key.as_str()).collect();
    assert_eq!(keys, ["order-0:hold", "order-0:settle"]);
    Ok(())
}
