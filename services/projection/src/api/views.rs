//! Views and timelines as protobuf.

use bowline_contracts::convert::{money, timestamp};
use bowline_contracts::orders::v1 as orders;
use bowline_contracts::projection::v1;
use bowline_kernel::OrderId;
use bowline_projection_domain::{
    CancelReason, OrderLine, OrderStatus, OrderView, PaymentState, StockStatus, TimelineEntry,
};

pub(super) fn order(id: OrderId, view: &OrderView) -> v1::OrderView {
    v1::OrderView {
        order_id: id.to_string(),
        customer_id: view.customer_id.to_string(),
        country: view.country.clone(),
        lines: view.lines.iter().map(line).collect(),
        item_count: view.item_count,
        total: Some(money(view.total)),
        status: status(view.status).into(),
        cancel_reason: cancel_reason(view.cancel_reason).into(),
        finished: view.finished(),
        stock_status: stock_status(view.stock_status).into(),
        payment_state: payment_state(view.payment_state).into(),
        authorized: Some(money(view.authorized)),
        captured: Some(money(view.captured)),
        voided: Some(money(view.voided)),
        placed_time: Some(timestamp(view.placed_at)),
        confirmed_time: view.confirmed_at.map(timestamp),
        cancelled_time: view.cancelled_at.map(timestamp),
        finished_time: view.finished_at.map(timestamp),
        payment_failure: view.payment_failure.clone().unwrap_or_default(),
    }
}

pub(super) fn timeline_entry(entry: TimelineEntry) -> v1::TimelineEntry {
    v1::TimelineEntry {
        event_id: entry.event_id.to_string(),
        service: entry.source.to_string(),
        r#type: entry.event_type,
        causation_id: entry.causation_id.map(|cause| cause.to_string()).unwrap_or_default(),
        event_time: Some(timestamp(entry.event_time)),
        summary: entry.summary,
        compensation: entry.compensation,
        attempts: entry.attempts,
    }
}

/// The status that a filter names; `None` for any. The error says what is expected.
pub(super) fn status_filter(status: i32) -> Result<Option<OrderStatus>, &'static str> {
    match orders::OrderStatus::try_from(status) {
        Ok(orders::OrderStatus::Unspecified) => Ok(None),
        Ok(orders::OrderStatus::Pending) => Ok(Some(OrderStatus::Pending)),
        Ok(orders::OrderStatus::Confirmed) => Ok(Some(OrderStatus::Confirmed)),
        Ok(orders::OrderStatus::Cancelled) => Ok(Some(OrderStatus::Cancelled)),
        Err(_) => Err("must be pending, confirmed, cancelled, or unset for all"),
    }
}

fn line(line: &OrderLine) -> orders::OrderLine {
    orders::OrderLine {
        sku: line.sku.to_string(),
        name: line.name.clone(),
        quantity: line.quantity.get(),
        unit_price: Some(money(line.unit_price)),
    }
}

fn status(status: OrderStatus) -> orders::OrderStatus {
    match status {
        OrderStatus::Pending => orders::OrderStatus::Pending,
        OrderStatus::Confirmed => orders::OrderStatus::Confirmed,
        OrderStatus::Cancelled => orders::OrderStatus::Cancelled,
    }
}

fn cancel_reason(reason: Option<CancelReason>) -> orders::CancelReason {
    match reason {
        None => orders::CancelReason::Unspecified,
        Some(CancelReason::OutOfStock) => orders::CancelReason::OutOfStock,
        Some(CancelReason::PaymentDeclined) => orders::CancelReason::PaymentDeclined,
        Some(CancelReason::Customer) => orders::CancelReason::Customer,
        Some(CancelReason::CaptureFailed) => orders::CancelReason::CaptureFailed,
        Some(CancelReason::Deadline) => orders::CancelReason::Deadline,
    }
}

fn stock_status(status: Option<StockStatus>) -> v1::StockStatus {
    match status {
        None => v1::StockStatus::Unspecified,
        Some(StockStatus::Reserved) => v1::StockStatus::Reserved,
        Some(StockStatus::Rejected) => v1::StockStatus::Rejected,
        Some(StockStatus::Committed) => v1::StockStatus::Committed,
        Some(StockStatus::Released) => v1::StockStatus::Released,
        Some(StockStatus::Restocked) => v1::StockStatus::Restocked,
    }
}

fn payment_state(state: Option<PaymentState>) -> v1::PaymentState {
    match state {
        None => v1::PaymentState::Unspecified,
        Some(PaymentState::Authorized) => v1::PaymentState::Authorized,
        Some(PaymentState::Declined) => v1::PaymentState::Declined,
        Some(PaymentState::Captured) => v1::PaymentState::Captured,
        Some(PaymentState::CaptureFailed) => v1::PaymentState::CaptureFailed,
        Some(PaymentState::Voided) => v1::PaymentState::Voided,
    }
}
