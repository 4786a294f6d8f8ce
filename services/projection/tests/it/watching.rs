use std::sync::Arc;
use std::time::Duration;

use bowline_contracts::orders::v1::OrderStatus as StatusMessage;
use bowline_contracts::projection::v1::{
    OrderView as OrderViewMessage, PaymentState as PaymentStateMessage, WatchOrderRequest, WatchOrderResponse,
};
use bowline_kernel::OrderId;
use bowline_projection::config::WatchSettings;
use bowline_projection::{Unwatchable, Watch};
use bowline_projection_domain::{OrderStatus, OrderView, Patch, StockStatus};
use tonic::{Code, Streaming};
use tonic_types::StatusExt as _;

use crate::saga::{self, new_order};
use crate::stage::{PATIENCE, Serving, Stage};

async fn next(watch: &mut Watch) -> Option<Result<Arc<OrderView>, Unwatchable>> {
    tokio::time::timeout(PATIENCE, watch.next()).await.unwrap()
}

async fn next_view(watch: &mut Watch) -> Arc<OrderView> {
    next(watch).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_sees_the_state_after_every_commit_and_then_the_end() {
    let mut stage = Stage::new().await;
    for history in [saga::sold, saga::regretted, saga::refused, saga::out_of_stock, saga::unpaid] {
        let order = new_order();
        let told = history(order);
        stage.hear(&told[..1]).await;
        let mut watch = stage.watches.watch(order).unwrap();
        assert_eq!(next_view(&mut watch).await.status, OrderStatus::Pending);
        for heard in 2..=told.len() {
            stage.hear(&told[heard - 1..heard]).await;
            let expected = Patch::fold(told[..heard].iter().map(|told| &told.event)).view();
            assert_eq!(Some(&*next_view(&mut watch).await), expected.as_ref());
        }
        assert_eq!(next(&mut watch).await, None, "nothing follows the end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_not_known_yet_is_waited_for() {
    let mut stage = Stage::new().await;
    let order = new_order();
    let mut watch = stage.watches.watch(order).unwrap();
    let waiting = std::pin::pin!(watch.next());
    let heard = async {
        stage.hear(&[saga::reserved(order, 2)]).await;
        stage.hear(&[saga::placed(order, "17850", 1)]).await;
    };
    let (first, ()) = tokio::join!(waiting, heard);
    let first = first.unwrap().unwrap();
    assert_eq!((first.status, first.stock_status), (OrderStatus::Pending, Some(StockStatus::Reserved)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_watcher_gets_the_latest_state_instead_of_a_queue() {
    let mut stage = Stage::new().await;
    let order = new_order();
    let told = saga::sold(order);
    let (mut slow, mut fast) = (stage.watches.watch(order).unwrap(), stage.watches.watch(order).unwrap());
    for told in &told {
        stage.hear([told]).await;
    }
    while let Some(state) = next(&mut fast).await {
        assert!(state.is_ok());
    }
    // All of it has been read by now; what is left for the slow one is the end alone.
    assert!(next_view(&mut slow).await.finished());
    assert_eq!(next(&mut slow).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_limited_and_come_free() {
    let stage = Stage::new().await;
    let (first, _second) =
        (stage.watches.watch(new_order()).unwrap(), stage.watches.watch(new_order()).unwrap());
    let refused = stage.watches.watch(new_order()).unwrap_err();
    assert_eq!(refused, Unwatchable::TooMany { watchers_max: 2 });
    drop(first);
    stage.watches.watch(new_order()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_end_when_the_rows_cannot_be_read() {
    let stage = Stage::with(WatchSettings { watchers_max: 2, poll: Duration::from_millis(10) }).await;
    let mut watch = stage.watches.watch(new_order()).unwrap();
    let again = stage.watches.clone();
    drop(stage.database);
    assert_eq!(next(&mut watch).await, Some(Err(Unwatchable::Away)));
    assert_eq!(next(&mut watch).await, None);
    drop(watch);
    again.watch(new_order()).unwrap();
}

impl Serving {
    async fn watch(&mut self, order: OrderId) -> Streaming<WatchOrderResponse> {
        let request = WatchOrderRequest { order_id: order.to_string() };
        self.client.watch_order(request).await.unwrap().into_inner()
    }
}

async fn next_state(stream: &mut Streaming<WatchOrderResponse>) -> Option<OrderViewMessage> {
    let message = tokio::time::timeout(PATIENCE, stream.message()).await.unwrap().unwrap();
    message.map(|message| message.order.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_replica_commits_is_noticed() {
    let mut stage = Stage::new().await;
    // This service has never heard of Kafka: all it can notice are the rows that the stage writes.
    let mut serving = stage.serve(&["--watch-poll", "10ms"]).await;
    let order = new_order();
    let told = saga::sold(order);
    let mut stream = serving.watch(order).await;
    stage.hear(&told[..3]).await;
    let first = next_state(&mut stream).await.unwrap();
    assert_eq!(first.status(), StatusMessage::Pending);
    stage.hear(&told[3..]).await;
    let last = next_state(&mut stream).await.unwrap();
    assert!(last.finished && last.payment_state() == PaymentStateMessage::Captured);
    assert_eq!(next_state(&mut stream).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_was_left_gives_its_place_back() {
    let stage = Stage::new().await;
    let mut serving = stage.serve(&["--watchers-max", "1"]).await;
    let order = new_order();
    let stream = serving.watch(order).await;
    let request = || WatchOrderRequest { order_id: order.to_string() };
    let refused = serving.client.watch_order(request()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "TOO_MANY_WATCHERS");
    drop(stream);
    let mut client = serving.client.clone();
    bowline_test_support::eventually("the place is free again", PATIENCE, async || {
        client.watch_order(request()).await.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_the_streams_and_the_service() {
    let mut stage = Stage::new().await;
    let mut serving = stage.serve(&[]).await;
    let order = new_order();
    stage.hear(&[saga::placed(order, "17850", 1)]).await;
    let mut stream = serving.watch(order).await;
    assert!(next_state(&mut stream).await.is_some());
    serving.running.begin_to_stop();
    let status = tokio::time::timeout(PATIENCE, stream.message()).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    serving.running.ended().await;
}
