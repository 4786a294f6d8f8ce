use bowline_contracts::convert::timestamp;
use bowline_contracts::orders::v1::{CancelReason, OrderStatus};
use bowline_contracts::projection::v1::{
    GetOrderRequest, GetOrderTimelineRequest, PaymentState, StockStatus, TimelineEntry,
};
use bowline_kernel::OrderId;
use bowline_test_support::eventually;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::saga::{self, at, new_order};
use crate::stage::{PATIENCE, Serving, Stage};

impl Serving {
    async fn order(
        &mut self,
        order: OrderId,
    ) -> Result<bowline_contracts::projection::v1::OrderView, Status> {
        let request = GetOrderRequest { order_id: order.to_string() };
        Ok(self.client.get_order(request).await?.into_inner().order.unwrap())
    }

    async fn timeline(&mut self, order: OrderId) -> Result<Vec<TimelineEntry>, Status> {
        let request = GetOrderTimelineRequest { order_id: order.to_string() };
        Ok(self.client.get_order_timeline(request).await?.into_inner().entries)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_hidden_until_it_is_placed() {
    let mut stage = Stage::new().await;
    let mut serving = stage.serve(&[]).await;
    let order = new_order();
    stage.hear(&[saga::reserved(order, 2), saga::authorized(order, 3)]).await;
    for status in [serving.order(order).await.unwrap_err(), serving.timeline(order).await.unwrap_err()] {
        assert_eq!(status.code(), Code::NotFound);
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, "ORDER_NOT_FOUND");
        assert_eq!(info.metadata["order_id"], order.to_string());
    }

    stage.hear(&[saga::placed(order, "17850", 1)]).await;
    let view = serving.order(order).await.unwrap();
    assert_eq!(view.status(), OrderStatus::Pending);
    assert_eq!(view.stock_status(), StockStatus::Reserved);
    assert_eq!(view.payment_state(), PaymentState::Authorized);
    assert_eq!(serving.timeline(order).await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_tells_everything() {
    let mut stage = Stage::new().await;
    let mut serving = stage.serve(&[]).await;
    let order = new_order();
    stage.hear(&saga::refused(order)).await;

    let view = serving.order(order).await.unwrap();
    assert_eq!((view.order_id.as_str(), view.customer_id.as_str()), (order.to_string().as_str(), "17850"));
    assert_eq!((view.country.as_str(), view.item_count), ("France", 5));
    assert_eq!(view.lines.len(), 2);
    assert_eq!((view.lines[1].sku.as_str(), view.lines[1].quantity), ("B 1", 3));
    let money = |amount: &Option<bowline_contracts::common::v1::Money>| {
        let amount = amount.clone().unwrap();
        (amount.amount_minor, amount.currency_code)
    };
    let amounts = [&view.total, &view.authorized, &view.captured, &view.voided].map(money);
    assert_eq!(amounts, [500, 500, 0, 500].map(|minor| (minor, "GBP".to_owned())));
    assert_eq!((view.status(), view.cancel_reason()), (OrderStatus::Cancelled, CancelReason::CaptureFailed));
    assert_eq!((view.stock_status(), view.payment_state()), (StockStatus::Restocked, PaymentState::Voided));
    assert!(view.finished);
    assert_eq!(view.payment_failure, "expired_card");
    let times = [view.placed_time, view.confirmed_time, view.cancelled_time, view.finished_time];
    assert_eq!(times, [1, 4, 8, 10].map(|second| Some(timestamp(at(second)))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_timeline_shows_causes_before_effects_and_compensations() {
    let mut stage = Stage::new().await;
    let mut serving = stage.serve(&[]).await;
    let order = new_order();
    // Inventory's clock is behind: without the cause its answer would be shown before the order was placed.
    let placed = saga::placed(order, "17850", 10);
    let reserved = saga::reserved(order, 3).because_of(&placed);
    let declined = saga::declined(order, 11).because_of(&reserved);
    let cancelled = saga::cancelled(order, bowline_projection_domain::CancelReason::Customer, 12);
    let released = saga::released(order, 5).because_of(&cancelled);
    stage.hear([&released, &reserved, &declined]).await;
    stage.hear([&placed, &cancelled]).await;

    let entries = serving.timeline(order).await.unwrap();
    let told = [placed, reserved, declined, cancelled, released];
    let expected: Vec<TimelineEntry> = told
        .iter()
        .map(|told| {
            let entry = told.entry();
            TimelineEntry {
                event_id: entry.event_id.to_string(),
                service: entry.source.to_string(),
                r#type: entry.event_type,
                causation_id: entry.causation_id.map(|id| id.to_string()).unwrap_or_default(),
                event_time: Some(timestamp(entry.event_time)),
                summary: entry.summary,
                compensation: entry.compensation,
                attempts: entry.attempts,
            }
        })
        .collect();
    assert_eq!(entries, expected);
    let compensations: Vec<bool> = entries.iter().map(|entry| entry.compensation).collect();
    assert_eq!(compensations, [false, false, false, true, true]);
    assert_eq!(entries[4].summary, "released 5 units");
    let attempts: Vec<u32> = entries.iter().map(|entry| entry.attempts).collect();
    assert_eq!(attempts, [0, 0, 3, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_id_must_be_a_uuid() {
    let stage = Stage::new().await;
    let mut serving = stage.serve(&[]).await;
    for wrong in ["", "order 7", "0190a0000000700080000000000000ff"] {
        let request = GetOrderRequest { order_id: wrong.to_owned() };
        let status = serving.client.get_order(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{wrong:?}");
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "order_id");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_a_call_is_told_to_come_again() {
    let stage = Stage::new().await;
    let mut serving = stage.serve(&[]).await;
    let missing = serving.order(new_order()).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    // The database goes a moment later, and takes its connections with it.
    drop(stage);
    let away = eventually("the database is gone", PATIENCE, async || {
        serving.order(new_order()).await.err().filter(|status| status.code() != Code::NotFound)
    })
    .await;
    assert_eq!(away.code(), Code::Unavailable, "{away}");
    assert_eq!(away.get_details_error_info().unwrap().reason, "DATABASE_UNAVAILABLE");
}
