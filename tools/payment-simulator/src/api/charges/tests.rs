use std::time::Duration;

use futures::poll;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::amount::Amount;
use crate::faults::FaultPlanner;
use crate::journal::Journal;
use crate::keeper::Keeper;
use crate::switches::Switches;

#[tokio::test]
async fn a_slow_write_is_done_although_its_client_has_gone() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, books) = Journal::open(folder.path(), false).unwrap();
    let (keeper, _end) = Keeper::start(journal, books).unwrap();
    let app = Arc::new(App {
        keeper,
        faults: FaultPlanner::new(Switches { latency: Duration::from_hours(1), ..Switches::default() }),
        draining: CancellationToken::new(),
        tasks: TaskTracker::new(),
    });
    let request = Request::Hold {
        merchant_reference: "order-1".to_owned(),
        token: "tok_visa".to_owned(),
        amount: Amount::parse("10", "GBP").unwrap(),
    };
    {
        let answer = write(Arc::clone(&app), "key".to_owned(), request);
        tokio::pin!(answer);
        assert!(poll!(&mut answer).is_pending());
        // The server drops the answer when its client goes away.
    }
    let operation = async || app.keeper.read(|books| books.operation("key")).await.unwrap();
    assert_eq!(operation().await, None);
    // Told to stop, it waits no longer; the work is done all the same.
    app.draining.cancel();
    app.tasks.close();
    app.tasks.wait().await;
    assert!(operation().await.is_some());
    app.keeper.close();
}
