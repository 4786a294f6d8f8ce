//! Customers who change their minds.

use bowline_contracts::common::v1::Money;
use bowline_contracts::orders::v1::{CancelOrderRequest, CancelReason, Order, OrderStatus};
use bowline_contracts::projection::v1::query_service_client::QueryServiceClient;
use bowline_contracts::projection::v1::{
    GetOrderRequest, GetOrderTimelineRequest, OrderView, PaymentState, StockStatus, TimelineEntry,
    WatchOrderRequest,
};
use bowline_kernel::{IdSource as _, SystemIds};
use bowline_test_support::eventually;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::bench::{Bench, PATIENCE, assert_holds, plan, small_order};

struct Customer<'b> {
    bench: &'b Bench,
    queries: QueryServiceClient<Channel>,
}

impl<'b> Customer<'b> {
    fn new(bench: &'b Bench) -> Self {
        Self { bench, queries: QueryServiceClient::new(bench.channel("projection")) }
    }

    async fn place(&self, plan: &bowline_load::plan::Plan, payment_token: &str) -> String {
        let placed = self.bench.orders().place_order(small_order(plan, payment_token)).await;
        placed.expect("the order is sound").into_inner().order.expect("it is there").order_id
    }

    async fn cancel(&self, order_id: &str) -> Result<Order, Status> {
        let request =
            CancelOrderRequest { request_id: SystemIds.next_id().to_string(), order_id: order_id.to_owned() };
        let cancelled = self.bench.orders().cancel_order(request).await?;
        Ok(cancelled.into_inner().order.expect("it is there"))
    }

    /// The order as the projection shows it, once it does and `is` holds.
    async fn seen(&self, order_id: &str, is: impl Fn(&OrderView) -> bool) -> OrderView {
        eventually("the projection shows it", PATIENCE, async || {
            let request = GetOrderRequest { order_id: order_id.to_owned() };
            match self.queries.clone().get_order(request).await {
                Ok(found) => found.into_inner().order.filter(&is),
                Err(status) if status.code() == Code::NotFound => None,
                Err(status) => panic!("{status}"),
            }
        })
        .await
    }

    /// Watches an order until the stream ends by itself, and returns the last view.
    async fn watch(&self, order_id: &str) -> OrderView {
        self.seen(order_id, |_| true).await;
        let request = WatchOrderRequest { order_id: order_id.to_owned() };
        let mut views = self.queries.clone().watch_order(request).await.expect("it is known").into_inner();
        let mut last = None;
        let watching = async {
            while let Some(view) = views.message().await.expect("the stream does not break") {
                last = view.order;
            }
        };
        tokio::time::timeout(PATIENCE, watching).await.expect("the stream ends with the saga");
        last.expect("the first view comes at once")
    }

    /// The timeline as `service type` of each entry, and those that compensate.
    async fn timeline(&self, order_id: &str) -> (Vec<String>, Vec<String>) {
        let request = GetOrderTimelineRequest { order_id: order_id.to_owned() };
        let timeline = self.queries.clone().get_order_timeline(request).await.expect("it is known");
        let entries = timeline.into_inner().entries;
        let named = |entry: &TimelineEntry| {
            let kind = entry.r#type.rsplit('.').next().unwrap_or_default();
            format!("{} {kind}", entry.service)
        };
        let compensations = entries.iter().filter(|entry| entry.compensation).map(named).collect();
        (entries.iter().map(named).collect(), compensations)
    }
}

fn minor(amount: Option<&Money>) -> i64 {
    amount.expect("an order has amounts").amount_minor
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_order_is_undone_and_its_timeline_tells() {
    // Slow enough that a cancellation meets the authorisation on its way.
    let bench = Bench::start(&["--latency=4s"]).await;
    let plan = plan(300);
    bench.load(&plan).await;
    let customer = Customer::new(&bench);

    let at_once = customer.place(&plan, "tok_visa").await;
    let order = customer.cancel(&at_once).await.expect("it is not confirmed");
    assert_eq!((order.status(), order.cancel_reason()), (OrderStatus::Cancelled, CancelReason::Customer));
    let again = customer.cancel(&at_once).await.expect_err("it is cancelled already");
    assert_eq!(again.code(), Code::FailedPrecondition, "{again}");

    let reserved = customer.place(&plan, "tok_visa").await;
    customer.seen(&reserved, |view| view.stock_status() == StockStatus::Reserved).await;
    customer.cancel(&reserved).await.expect("it is not confirmed");

    let kept = customer.place(&plan, "tok_visa").await;

    for order_id in [&at_once, &reserved] {
        let last = customer.watch(order_id).await;
        assert!(last.finished);
        assert_eq!((last.status(), last.cancel_reason()), (OrderStatus::Cancelled, CancelReason::Customer));
    }
    let last = customer.watch(&kept).await;
    assert!(last.finished);
    assert_eq!(last.status(), OrderStatus::Confirmed);

    // At rest the projection has heard the other services too, whose events may come later than the end of the saga.
    assert_holds(&bench.prove().await);
    for order_id in [&at_once, &reserved] {
        let view = customer.seen(order_id, |_| true).await;
        let states = (view.stock_status(), view.payment_state());
        assert_eq!(states, (StockStatus::Released, PaymentState::Voided));
        assert_eq!(minor(view.captured.as_ref()), 0);
        assert_eq!(minor(view.voided.as_ref()), minor(view.authorized.as_ref()));
        let (told, compensations) = customer.timeline(order_id).await;
        for entry in ["orders OrderPlaced", "orders OrderFinished"] {
            assert!(told.iter().any(|told| told == entry), "{entry} is not in {told:?}");
        }
        for entry in ["orders OrderCancelled", "inventory StockReleased", "payment PaymentVoided"] {
            assert!(compensations.iter().any(|told| told == entry), "{entry} is not in {compensations:?}");
        }
    }
    let (told, _) = customer.timeline(&reserved).await;
    assert!(told.iter().any(|told| told == "inventory StockReserved"), "{told:?}");

    let view = customer.seen(&kept, |_| true).await;
    assert!(minor(view.total.as_ref()) > 0);
    assert_eq!(minor(view.captured.as_ref()), minor(view.total.as_ref()));
    assert_eq!(minor(view.voided.as_ref()), 0);
    let (_, compensations) = customer.timeline(&kept).await;
    assert_eq!(compensations, Vec::<String>::new());
    let refused = customer.cancel(&kept).await.expect_err("it is confirmed");
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    bench.stop().await;
}
