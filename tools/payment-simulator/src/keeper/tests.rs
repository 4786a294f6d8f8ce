use std::pin::pin;

use futures::poll;

use super::*;
use crate::amount::Amount;
use crate::faults::FaultPlanner;
use crate::switches::Switches;

fn hold(reference: &str) -> Request {
    Request::Hold {
        merchant_reference: reference.to_owned(),
        token: "tok_visa".to_owned(),
        amount: Amount::parse("10", "GBP").unwrap(),
    }
}

fn lot() -> SettlementLot {
    FaultPlanner::new(Switches::default()).settlement_lot()
}

/// The keeper without its thread: the test is the writer.
#[tokio::test]
async fn nothing_is_answered_before_its_group_is_durable() {
    let keeper = Keeper::new(Books::default());
    let mut first = pin!(keeper.execute("first", hold("order-1"), lot()));
    let mut again = pin!(keeper.execute("first", hold("order-1"), lot()));
    let mut read = pin!(keeper.read(|books| books.operation("first")));
    assert!(poll!(&mut first).is_pending());
    assert!(poll!(&mut again).is_pending(), "the same key waits as well");
    assert!(poll!(&mut read).is_pending(), "a reader is not told what could be taken back");

    let group = keeper.next_group().unwrap();
    let mut later = pin!(keeper.execute("later", hold("order-2"), lot()));
    assert!(poll!(&mut later).is_pending());
    assert!(poll!(&mut first).is_pending(), "taken is not yet written");
    group.durable.send_replace(true);
    let operation = first.await.unwrap();
    assert_eq!(again.await.unwrap(), operation);
    assert_eq!(read.await.unwrap(), Some(operation));
    let lines = String::from_utf8(group.lines).unwrap();
    assert_eq!(lines.lines().count(), 1, "one line for one key");
    assert!(poll!(&mut later).is_pending(), "the later one is of the next group");
    keeper.next_group().unwrap().durable.send_replace(true);
    assert!(later.await.is_ok());
}

#[tokio::test]
async fn after_a_failed_write_nobody_is_told_that_it_was_done() {
    let keeper = Keeper::new(Books::default());
    let mut written = pin!(keeper.execute("written", hold("order-1"), lot()));
    assert!(poll!(&mut written).is_pending());
    let group = keeper.next_group().unwrap();
    let mut gathered = pin!(keeper.execute("gathered", hold("order-2"), lot()));
    assert!(poll!(&mut gathered).is_pending());
    // What the writer's thread does when the disk refuses.
    drop(group);
    keeper.refuse_further();
    assert!(matches!(written.await, Err(KeeperError::Closed)));
    assert!(matches!(gathered.await, Err(KeeperError::Closed)));
    assert!(matches!(keeper.read(Books::len).await, Err(KeeperError::Closed)));
    assert!(matches!(keeper.execute("new", hold("order-3"), lot()).await, Err(KeeperError::Closed)));
}

#[tokio::test]
async fn closing_lets_the_writer_finish_what_has_gathered() {
    let keeper = Keeper::new(Books::default());
    let mut gathered = pin!(keeper.execute("gathered", hold("order-1"), lot()));
    assert!(poll!(&mut gathered).is_pending());
    keeper.close();
    keeper.next_group().unwrap().durable.send_replace(true);
    assert!(gathered.await.is_ok());
    assert!(keeper.next_group().is_none());
}
