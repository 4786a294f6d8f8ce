//! What orders makes of every report of stock and payment.

use bowline_contracts::orders::v1::{self as public, CancelReason, OrderStatus};
use bowline_contracts::{inventory, payment};
use bowline_kernel::OrderId;
use bowline_messaging::{Incoming, Sequenced};
use prost::Message as _;

use crate::stage::{Stage, UNITS, message, total, types};

pub(crate) fn stock_reserved(order: OrderId) -> Incoming {
    let order_id = order.to_string();
    message(order, &inventory::v1::StockReserved { order_id, total: Some(total()), ..Default::default() })
}

pub(crate) fn stock_rejected(order: OrderId) -> Incoming {
    message(order, &inventory::v1::StockRejected { order_id: order.to_string(), ..Default::default() })
}

pub(crate) fn stock_committed(order: OrderId) -> Incoming {
    let order_id = order.to_string();
    message(order, &inventory::v1::StockCommitted { order_id, units: UNITS, ..Default::default() })
}

pub(crate) fn stock_released(order: OrderId) -> Incoming {
    let order_id = order.to_string();
    message(order, &inventory::v1::StockReleased { order_id, units: UNITS, ..Default::default() })
}

pub(crate) fn stock_restocked(order: OrderId) -> Incoming {
    let order_id = order.to_string();
    message(order, &inventory::v1::StockRestocked { order_id, units: UNITS, ..Default::default() })
}

pub(crate) fn payment_authorized(order: OrderId) -> Incoming {
    let order_id = order.to_string();
    message(order, &payment::v1::PaymentAuthorized { order_id, amount: Some(total()), ..Default::default() })
}

pub(crate) fn payment_declined(order: OrderId) -> Incoming {
    message(order, &payment::v1::PaymentDeclined { order_id: order.to_string(), ..Default::default() })
}

pub(crate) fn payment_captured(order: OrderId) -> Incoming {
    let order_id = order.to_string();
    message(order, &payment::v1::PaymentCaptured { order_id, amount: Some(total()), ..Default::default() })
}

pub(crate) fn payment_capture_failed(order: OrderId) -> Incoming {
    message(order, &payment::v1::PaymentCaptureFailed { order_id: order.to_string(), ..Default::default() })
}

pub(crate) fn payment_voided(order: OrderId) -> Incoming {
    let order_id = order.to_string();
    message(order, &payment::v1::PaymentVoided { order_id, amount: Some(total()), ..Default::default() })
}

/// Payment's answer to a void of what it never knew: not even the currency.
pub(crate) fn nothing_voided(order: OrderId) -> Incoming {
    message(order, &payment::v1::PaymentVoided { order_id: order.to_string(), ..Default::default() })
}

fn finished(sequenced: &Sequenced) -> (OrderStatus, CancelReason) {
    let event = public::OrderFinished::decode(sequenced.message.payload.clone()).unwrap();
    (event.status(), event.cancel_reason())
}

#[tokio::test]
async fn an_order_that_is_reserved_and_authorised_is_confirmed_and_then_finished() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    assert_eq!(types(&replica.hear(vec![stock_reserved(order)]).await), [""; 0]);
    let sent = replica.hear(vec![payment_authorized(order)]).await;
    assert_eq!(types(&sent), ["OrderConfirmed"]);
    let confirmed = public::OrderConfirmed::decode(sent[0].message.payload.clone()).unwrap();
    assert_eq!(confirmed.order_id, order.to_string());
    assert!(confirmed.placed_time.is_some() && confirmed.confirmed_time.is_some());
    assert_eq!(types(&replica.hear(vec![stock_committed(order)]).await), [""; 0]);
    let sent = replica.hear(vec![payment_captured(order)]).await;
    assert_eq!(types(&sent), ["OrderFinished"]);
    assert_eq!(finished(&sent[0]), (OrderStatus::Confirmed, CancelReason::Unspecified));
    let history = [
        "order_placed",
        "stock_reservation_noted",
        "order_confirmed",
        "stock_commit_noted",
        "capture_noted",
        "order_finished",
    ];
    assert_eq!(stage.history(order).await, history);
}

#[tokio::test]
async fn one_batch_may_hold_the_whole_way_in_any_order_of_the_topics() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    let messages = vec![
        payment_authorized(order),
        payment_captured(order),
        stock_reserved(order),
        stock_committed(order),
    ];
    assert_eq!(types(&replica.hear(messages).await), ["OrderConfirmed", "OrderFinished"]);
    let history =
        ["order_placed", "order_confirmed", "capture_noted", "stock_commit_noted", "order_finished"];
    assert_eq!(stage.history(order).await, history);
}

#[tokio::test]
async fn an_order_out_of_stock_is_cancelled_and_finished_at_once() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    let sent = replica.hear(vec![stock_rejected(order)]).await;
    assert_eq!(types(&sent), ["OrderCancelled", "OrderFinished"]);
    assert_eq!(finished(&sent[1]), (OrderStatus::Cancelled, CancelReason::OutOfStock));
    assert_eq!(stage.history(order).await, ["order_placed", "order_cancelled", "order_finished"]);
}

#[tokio::test]
async fn a_declined_order_is_cancelled_and_its_stock_released() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    replica.hear(vec![stock_reserved(order)]).await;
    let sent = replica.hear(vec![payment_declined(order)]).await;
    assert_eq!(types(&sent), ["OrderCancelled", "ReleaseStock"]);
    let sent = replica.hear(vec![stock_released(order)]).await;
    assert_eq!(types(&sent), ["OrderFinished"]);
    assert_eq!(finished(&sent[0]), (OrderStatus::Cancelled, CancelReason::PaymentDeclined));
}

#[tokio::test]
async fn a_refused_capture_cancels_a_confirmed_order_and_has_it_restocked() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    replica.hear(vec![stock_reserved(order), payment_authorized(order)]).await;
    let sent = replica.hear(vec![payment_capture_failed(order)]).await;
    assert_eq!(types(&sent), ["OrderCancelled", "RestockOrder"]);
    let cancelled = public::OrderCancelled::decode(sent[0].message.payload.clone()).unwrap();
    assert_eq!(cancelled.reason(), CancelReason::CaptureFailed);
    // Sold before the refusal was known there: the restock undoes it.
    assert_eq!(types(&replica.hear(vec![stock_committed(order)]).await), [""; 0]);
    assert_eq!(types(&replica.hear(vec![payment_voided(order)]).await), [""; 0]);
    let sent = replica.hear(vec![stock_restocked(order)]).await;
    assert_eq!(types(&sent), ["OrderFinished"]);
    assert_eq!(finished(&sent[0]), (OrderStatus::Cancelled, CancelReason::CaptureFailed));
    assert_eq!(stage.history(order).await.last().unwrap(), "order_finished");
}
