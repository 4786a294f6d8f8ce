use std::io::Write;

use bowline_payment_simulator::{Error, Options, Simulator, Switches};

use crate::provider::Provider;

#[tokio::test]
async fn the_books_and_the_keys_are_there_again_after_a_restart() -> anyhow::Result<()> {
    let provider = Provider::start(Switches::default()).await?;
    let held = provider.merchant.hold("order-1", "tok_visa", "10").await?;
    let settled = provider.merchant.settle(&held.charge_id(), "settle", Some("4")).await?;
    provider.merchant.hold("order-2", "tok_decline_lost_card", "1").await?;
    let books = provider.simulator.books().await?;
    let provider = provider.restart().await?;
    assert_eq!(provider.simulator.books().await?, books);
    assert_eq!(provider.merchant.hold("order-1", "tok_visa", "10").await?, held);
    assert_eq!(provider.merchant.settle(&held.charge_id(), "settle", Some("4")).await?, settled);
    assert_eq!(provider.merchant.hold("order-3", "tok_visa", "1").await?.charge_id(), "ch_0000000003");
    Ok(())
}

#[tokio::test]
async fn a_torn_last_line_is_forgotten_and_the_books_go_on() -> anyhow::Result<()> {
    let Provider { merchant, simulator, folder } = Provider::start(Switches::default()).await?;
    merchant.hold("order-1", "tok_visa", "10").await?;
    let books = simulator.books().await?;
    simulator.shutdown().await?;
    let journal = folder.path().join("books.jsonl");
    std::fs::OpenOptions::new()
        .append(true)
        .open(&journal)?
        .write_all(br#"{"idempotency_key":"order-2:ho"#)?;

    let simulator = Simulator::start(Options::new(folder.path())).await?;
    assert_eq!(simulator.books().await?, books);
    let provider = Provider { merchant: crate::provider::Merchant::of(simulator.url()), simulator, folder };
    assert_eq!(provider.merchant.hold("order-2", "tok_visa", "1").await?.charge_id(), "ch_0000000002");
    let provider = provider.restart().await?;
    assert_eq!(provider.simulator.books().await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_used_is_said_at_the_start() -> anyhow::Result<()> {
    let running = Provider::start(Switches::default()).await?;
    let taken = Simulator::start(Options::new(running.folder.path())).await;
    assert!(matches!(taken, Err(Error::Books(_))), "two simulators on one folder");
    let folder = tempfile::tempdir()?;
    let listen = running.simulator.address();
    let taken = Simulator::start(Options { listen, ..Options::new(folder.path()) }).await;
    assert!(
        matches!(taken, Err(Error::Listen { address, .. }) if address == listen),
        "two simulators on one port"
    );
    std::fs::write(folder.path().join("books.jsonl"), "dear diary\n")?;
    assert!(matches!(Simulator::start(Options::new(folder.path())).await, Err(Error::Books(_))));
    Ok(())
}
