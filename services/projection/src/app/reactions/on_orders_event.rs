//! Events of orders: they say what the order is and where it stands.

use bowline_contracts::events::OrdersEvent;
use bowline_contracts::orders::v1;
use bowline_projection_domain::{OrderLine, OrderStatus, PublicEvent};

use super::{Unreadable, fields};

pub(super) fn read(event: OrdersEvent) -> Result<PublicEvent, Unreadable> {
    Ok(match event {
        OrdersEvent::Placed(placed) => on_order_placed(placed)?,
        OrdersEvent::Confirmed(confirmed) => PublicEvent::OrderConfirmed {
            confirmed_at: fields::time("confirmed_time", confirmed.confirmed_time)?,
        },
        OrdersEvent::Cancelled(cancelled) => PublicEvent::OrderCancelled {
            reason: fields::cancel_reason("reason", cancelled.reason)?
                .ok_or(Unreadable::Field { field: "reason", expected: "given" })?,
            cancelled_at: fields::time("cancelled_time", cancelled.cancelled_time)?,
        },
        OrdersEvent::Finished(finished) => PublicEvent::OrderFinished {
            status: end_state(finished.status)?,
            cancel_reason: fields::cancel_reason("cancel_reason", finished.cancel_reason)?,
            finished_at: fields::time("finished_time", finished.finished_time)?,
        },
    })
}

fn on_order_placed(placed: v1::OrderPlaced) -> Result<PublicEvent, Unreadable> {
    Ok(PublicEvent::OrderPlaced {
        customer_id: fields::id("customer_id", &placed.customer_id)?,
        total: fields::amount("total", placed.total.as_ref())?,
        placed_at: fields::time("placed_time", placed.placed_time)?,
        country: placed.country,
        lines: placed.lines.into_iter().map(line).collect::<Result<_, _>>()?,
    })
}

fn line(line: v1::OrderLine) -> Result<OrderLine, Unreadable> {
    Ok(OrderLine {
        sku: fields::id("lines.sku", &line.sku)?,
        quantity: fields::quantity("lines.quantity", line.quantity)?,
        unit_price: fields::amount("lines.unit_price", line.unit_price.as_ref())?,
        name: line.name,
    })
}

fn end_state(status: i32) -> Result<OrderStatus, Unreadable> {
    match v1::OrderStatus::try_from(status) {
        Ok(v1::OrderStatus::Confirmed) => Ok(OrderStatus::Confirmed),
        Ok(v1::OrderStatus::Cancelled) => Ok(OrderStatus::Cancelled),
        Ok(v1::OrderStatus::Unspecified | v1::OrderStatus::Pending) | Err(_) => {
            Err(Unreadable::Field { field: "status", expected: "confirmed or cancelled" })
        }
    }
}
