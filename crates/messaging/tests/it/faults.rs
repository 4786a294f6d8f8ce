//! The database goes away in the middle of the work.

use bowline_messaging::CommandError;
use bowline_test_support::eventually;

use crate::ledger::Ask;
use crate::stage::{PATIENCE, Service, in_order, kafka, key, steady};

const CUT_EVERY_CONNECTION: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                                     WHERE datname = current_database() AND pid <> pg_backend_pid()
                                       AND backend_type = 'client backend'";

#[tokio::test]
async fn messages_go_on_by_themselves_when_the_database_was_away() {
    let (orders, inventory, kafka) = (Service::orders().await, Service::inventory().await, kafka().await);
    let speaker = orders.start(&kafka, steady()).await;
    let listener = inventory.start(&kafka, steady()).await;
    let mut said = 0;
    for round in 0..10 {
        orders.number(CUT_EVERY_CONNECTION).await;
        inventory.number(CUT_EVERY_CONNECTION).await;
        for nth in 0..20 {
            // Nothing was written when the connection was gone before BEGIN; the key lies in the outbox otherwise.
            let accepted = eventually("the command is accepted", PATIENCE, async || {
                match speaker.commands.execute(Ask::Say(key(round * 20 + nth))).await {
                    Ok(sequence) => Some(sequence),
                    Err(error) => {
                        assert_eq!(error, CommandError::Unavailable);
                        None
                    }
                }
            })
            .await;
            assert!(accepted > 0);
        }
        said = orders.number("SELECT count(*) FROM messaging.outbox").await;
    }
    let applied = inventory.applies(usize::try_from(said).unwrap()).await;
    assert!(said >= 200);
    assert!(in_order(&applied), "{applied:?}");
    speaker.drain().await;
    listener.drain().await;
}
