use std::time::Duration;

use bowline_payment_simulator::{Rate, Switches};
use reqwest::Method;
use serde_json::json;

use crate::provider::Provider;

const LONG: Duration = Duration::from_hours(1);

fn always() -> anyhow::Result<Rate> {
    Ok(1.0.try_into()?)
}

#[tokio::test]
async fn an_error_before_has_no_effect_and_ends() -> anyhow::Result<()> {
    let switches = Switches { error_rate: always()?, ..Switches::default() };
    let Provider { merchant, simulator, .. } = &Provider::start(switches).await?;
    for _ in 0..3 {
        assert_eq!(merchant.hold("order-1", "tok_visa", "10").await?.fault(), (500, "internal_error"));
        assert_eq!(merchant.get("/v1/operations/order-1:hold").await?.fault(), (404, "unknown_operation"));
    }
    assert_eq!(simulator.books().await?.len(), 0);
    assert_eq!(merchant.hold("order-1", "tok_visa", "10").await?.result(), "done");
    Ok(())
}

#[tokio::test]
async fn an_error_after_has_its_effect_once_and_ends() -> anyhow::Result<()> {
    let switches = Switches { error_after_rate: always()?, ..Switches::default() };
    let Provider { merchant, simulator, .. } = &Provider::start(switches).await?;
    for _ in 0..3 {
        assert_eq!(merchant.hold("order-1", "tok_visa", "10").await?.fault(), (500, "internal_error"));
        assert_eq!(merchant.get("/v1/operations/order-1:hold").await?.result(), "done");
    }
    assert_eq!(merchant.hold("order-1", "tok_visa", "10").await?.result(), "done");
    assert_eq!(simulator.books().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_time_out_did_charge() -> anyhow::Result<()> {
    let switches = Switches { timeout_rate: always()?, timeout_hold: LONG, ..Switches::default() };
    let Provider { merchant, simulator, .. } = Provider::start(switches).await?;
    let held_back = merchant.hold("order-1", "tok_visa", "10");
    tokio::pin!(held_back);
    // The outcome can be asked for while the answer is still held back.
    loop {
        tokio::select! {
            answer = &mut held_back => anyhow::bail!("answered at once: {answer:?}"),
            outcome = merchant.get("/v1/operations/order-1:hold") => {
                if outcome?.result() == "done" { break }
            }
        }
    }
    // Being told to stop ends the hold, and the answer comes.
    let (answer, stopped) = tokio::join!(held_back, simulator.shutdown());
    stopped?;
    assert_eq!(answer?.result(), "done");
    Ok(())
}

#[tokio::test]
async fn latency_and_jitter_delay_writes_alone() -> anyhow::Result<()> {
    let latency = Duration::from_millis(30);
    let switches = Switches { latency, latency_jitter: latency, ..Switches::default() };
    let Provider { merchant, .. } = &Provider::start(switches).await?;
    let start = std::time::Instant::now();
    assert_eq!(merchant.hold("order-1", "tok_visa", "10").await?.result(), "done");
    // A lower bound, which no busy machine can break.
    assert!(start.elapsed() >= latency);
    Ok(())
}

#[tokio::test]
async fn a_capture_refused_by_lot_stays_refused_for_ever() -> anyhow::Result<()> {
    let switches = Switches { capture_refused_rate: always()?, ..Switches::default() };
    let provider = Provider::start(switches).await?;
    let id = provider.merchant.hold("order-1", "tok_visa", "10").await?.charge_id();
    assert_eq!(provider.merchant.settle(&id, "one", None).await?.result(), "settlement_refused");
    // Neither another key, nor the switch turned off, nor a restart changes it.
    provider.simulator.set_switches(Switches::default());
    assert_eq!(provider.merchant.settle(&id, "two", None).await?.result(), "settlement_refused");
    let provider = provider.restart().await?;
    assert_eq!(provider.merchant.settle(&id, "three", None).await?.result(), "settlement_refused");
    assert_eq!(provider.merchant.settle(&id, "one", None).await?.result(), "settlement_refused");
    assert_eq!(provider.merchant.release(&id, "release").await?.result(), "done");
    Ok(())
}

#[tokio::test]
async fn a_provider_that_is_down_answers_503_until_it_is_up_again() -> anyhow::Result<()> {
    let Provider { merchant, simulator, .. } = &Provider::start(Switches::default()).await?;
    let down = merchant.send(Method::PUT, "/v1/simulation", &json!({"down": true})).await?;
    assert_eq!((down.status.as_u16(), &down.body["down"]), (200, &json!(true)));
    let id = "ch_0000000001";
    for answer in [
        merchant.hold("order-1", "tok_visa", "10").await?,
        merchant.settle(id, "settle", None).await?,
        merchant.release(id, "release").await?,
        merchant.get("/v1/charges?merchant_reference=order-1").await?,
        merchant.get("/v1/operations/order-1:hold").await?,
        merchant.get("/v1/books").await?,
    ] {
        assert_eq!(answer.fault(), (503, "provider_down"));
    }
    let health = merchant.http.get(format!("{}/healthz", merchant.url)).send().await?;
    assert_eq!((health.status().as_u16(), health.text().await?.as_str()), (200, "ok\n"));
    merchant.send(Method::PATCH, "/v1/simulation", &json!({"down": false})).await?;
    assert_eq!(merchant.hold("order-1", "tok_visa", "10").await?.result(), "done");
    assert_eq!(simulator.books().await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn switches_change_while_it_runs() -> anyhow::Result<()> {
    let Provider { merchant, simulator, .. } =
        &Provider::start(Switches { seed: 7, ..Switches::default() }).await?;
    let change = json!({"latency": "20s", "error_rate": 0.5});
    let changed = merchant.send(Method::PATCH, "/v1/simulation", &change).await?;
    assert_eq!(
        changed.body,
        json!({
            "latency": "20s", "latency_jitter": "0s", "error_rate": 0.5, "error_after_rate": 0.0, "timeout_rate": 0.0,
            "timeout_hold": "30s", "capture_refused_rate": 0.0, "seed": 7, "down": false,
        })
    );
    assert_eq!(merchant.get("/v1/simulation").await?, changed);
    let before = simulator.switches();
    for wrong in [json!({"error_rate": 1.5}), json!({"latency": "soon"}), json!({"gremlins": true})] {
        for method in [Method::PATCH, Method::PUT] {
            let refused = merchant.send(method, "/v1/simulation", &wrong).await?;
            assert_eq!(refused.fault(), (400, "malformed_request"), "{wrong}");
        }
    }
    assert_eq!(simulator.switches(), before);
    merchant.send(Method::PUT, "/v1/simulation", &json!({"seed": 8})).await?;
    assert_eq!(simulator.switches(), Switches { seed: 8, ..Switches::default() });
    Ok(())
}
