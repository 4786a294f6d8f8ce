//! How an order and its parts look to others.

use bowline_contracts::convert::{money, timestamp};
use bowline_contracts::orders::v1;
use bowline_orders_domain::{CancelReason, Line, Outcome, State, Status};

/// An order as callers see it; `None` for an unknown order.
pub(crate) fn order(state: &State, version: u32) -> Option<v1::Order> {
    let order = state.order()?;
    let (status, cancel_reason) = match state.status()? {
        Status::Pending => (v1::OrderStatus::Pending, v1::CancelReason::Unspecified),
        Status::Confirmed => (v1::OrderStatus::Confirmed, v1::CancelReason::Unspecified),
        Status::Cancelled(why) => (v1::OrderStatus::Cancelled, reason(why)),
    };
    Some(v1::Order {
        order_id: order.order_id.to_string(),
        customer_id: order.customer_id.as_str().to_owned(),
        lines: order.lines.iter().map(line).collect(),
        total: Some(money(order.total)),
        status: status.into(),
        cancel_reason: cancel_reason.into(),
        finished: state.is_finished(),
        version,
        placed_time: Some(timestamp(order.placed_at)),
        update_time: state.updated_at().map(timestamp),
    })
}

pub(crate) fn line(line: &Line) -> v1::OrderLine {
    v1::OrderLine {
        sku: line.sku.as_str().to_owned(),
        name: line.name.as_str().to_owned(),
        quantity: line.quantity.get(),
        unit_price: Some(money(line.unit_price)),
    }
}

pub(crate) const fn outcome(outcome: Outcome) -> (v1::OrderStatus, v1::CancelReason) {
    match outcome {
        Outcome::Confirmed => (v1::OrderStatus::Confirmed, v1::CancelReason::Unspecified),
        Outcome::Cancelled(why) => (v1::OrderStatus::Cancelled, reason(why)),
    }
}

pub(crate) const fn reason(reason: CancelReason) -> v1::CancelReason {
    match reason {
        CancelReason::OutOfStock => v1::CancelReason::OutOfStock,
        CancelReason::PaymentDeclined => v1::CancelReason::PaymentDeclined,
        CancelReason::Customer => v1::CancelReason::Customer,
        CancelReason::CaptureFailed => v1::CancelReason::CaptureFailed,
        CancelReason::Deadline => v1::CancelReason::Deadline,
    }
}
