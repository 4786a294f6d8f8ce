use bowline_payment_simulator::Switches;
use futures::future::try_join_all;

use crate::provider::{Provider, hold_body};

#[tokio::test]
async fn the_same_key_and_body_get_the_stored_answer() -> anyhow::Result<()> {
    let Provider { merchant, simulator, .. } = &Provider::start(Switches::default()).await?;
    let first = merchant.hold("order-1", "tok_visa", "10.00").await?;
    // The same amount, written in another way.
    assert_eq!(merchant.hold("order-1", "tok_visa", "10").await?, first);
    let id = first.charge_id();
    let settled = merchant.settle(&id, "settle", None).await?;
    assert_eq!(merchant.settle(&id, "settle", None).await?, settled);
    // A refusal is an outcome like any other, and stays one.
    let refused = merchant.release(&id, "release").await?;
    assert_eq!(refused.result(), "nothing_held");
    assert_eq!(merchant.release(&id, "release").await?, refused);
    // What came later does not change what was answered before.
    assert_eq!(merchant.hold("order-1", "tok_visa", "10").await?, first);
    let books = simulator.books().await?;
    assert_eq!((books.len(), books[0].operations.len()), (1, 3));
    Ok(())
}

#[tokio::test]
async fn the_same_key_and_another_body_are_refused() -> anyhow::Result<()> {
    let Provider { merchant, simulator, .. } = &Provider::start(Switches::default()).await?;
    let id = merchant.hold("order-1", "tok_visa", "10").await?.charge_id();
    let reused = (422, "idempotency_key_reused");
    for body in [
        hold_body("order-1", "tok_visa", "11"),
        hold_body("order-1", "tok_other", "10"),
        hold_body("order-2", "tok_visa", "10"),
    ] {
        assert_eq!(merchant.write("/v1/charges", "order-1:hold", &body).await?.fault(), reused);
    }
    assert_eq!(merchant.release(&id, "order-1:hold").await?.fault(), reused);
    assert_eq!(merchant.settle(&id, "settle", Some("4")).await?.result(), "done");
    assert_eq!(merchant.settle(&id, "settle", Some("5")).await?.fault(), reused);
    assert_eq!(merchant.settle(&id, "settle", None).await?.fault(), reused);
    assert_eq!(merchant.release("ch_0000000009", "settle").await?.fault(), reused);
    assert_eq!(simulator.books().await?[0].operations.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_with_one_key_have_one_effect() -> anyhow::Result<()> {
    let Provider { merchant, simulator, .. } = &Provider::start(Switches::default()).await?;
    let held = try_join_all((0..50).map(|_| merchant.hold("order-1", "tok_visa", "10"))).await?;
    assert!(held.iter().all(|answer| *answer == held[0] && answer.status == 201), "{held:?}");
    let id = held[0].charge_id();
    let settled = try_join_all((0..50).map(|_| merchant.settle(&id, "settle", Some("1")))).await?;
    assert!(settled.iter().all(|answer| *answer == settled[0] && answer.result() == "done"), "{settled:?}");
    let books = simulator.books().await?;
    assert_eq!((books.len(), books[0].operations.len()), (1, 2));
    assert_eq!(books[0].charge.settled.minor(), 100);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn settling_and_releasing_at_once_never_exceed_the_hold() -> anyhow::Result<()> {
    let Provider { merchant, simulator, .. } = &Provider::start(Switches::default()).await?;
    let id = &merchant.hold("order-1", "tok_visa", "10").await?.charge_id();
    let settles =
        (0..30).map(|n| async move { merchant.settle(id, &format!("settle-{n}"), Some("1")).await });
    let answers = try_join_all(settles);
    let (answers, released) = tokio::join!(answers, merchant.release(id, "release"));
    let done = answers?.iter().filter(|answer| answer.result() == "done").count();
    let charge = &simulator.books().await?[0].charge;
    assert_eq!(charge.settled.minor(), u64::try_from(done)? * 100);
    assert_eq!(charge.outstanding.minor(), 0);
    assert_eq!(charge.released.minor() > 0, released?.result() == "done");
    Ok(())
}
