//! Public messages in the form that the fold reads.
//!
//! Projection has a mapping of its own. This one is written a second time on purpose: a fault in either shows as a
//! difference between the read model and the fold.

use bowline_contracts::common::v1::Money as PublicMoney;
use bowline_contracts::events::{InventoryEvent, OrdersEvent, PaymentEvent};
use bowline_contracts::orders::v1 as orders;
use bowline_contracts::{convert, topics};
use bowline_kernel::{Money, Quantity};
use bowline_messaging::tail::Message;
use bowline_projection_domain::{Attempts, CancelReason, OrderLine, OrderStatus, PublicEvent, Shortage};
use chrono::{DateTime, Utc};

/// Reads a message; `None` for a type that this build does not know, a reason when it does not hold what it must.
pub(super) fn read(message: &Message) -> Result<Option<PublicEvent>, String> {
    let (kind, payload) = (message.envelope.message_type.as_str(), message.payload.as_ref());
    let broken = |error: &dyn std::fmt::Display| format!("{kind} cannot be read: {error}");
    match message.topic.owner {
        topics::ORDERS => OrdersEvent::decode(kind, payload).map(|event| {
            let event = event.map_err(|error| broken(&error))?;
            of_orders(event).ok_or_else(|| broken(&"a field is missing or invalid"))
        }),
        topics::INVENTORY => InventoryEvent::decode(kind, payload).map(|event| {
            let event = event.map_err(|error| broken(&error))?;
            of_inventory(event).ok_or_else(|| broken(&"a field is missing or invalid"))
        }),
        topics::PAYMENT => PaymentEvent::decode(kind, payload).map(|event| {
            let event = event.map_err(|error| broken(&error))?;
            of_payment(event).ok_or_else(|| broken(&"a field is missing or invalid"))
        }),
        _ => None,
    }
    .transpose()
}

fn of_orders(event: OrdersEvent) -> Option<PublicEvent> {
    Some(match event {
        OrdersEvent::Placed(placed) => PublicEvent::OrderPlaced {
            customer_id: placed.customer_id.parse().ok()?,
            country: placed.country,
            lines: placed.lines.into_iter().map(line).collect::<Option<_>>()?,
            total: money(placed.total.as_ref())?,
            placed_at: time(placed.placed_time)?,
        },
        OrdersEvent::Confirmed(confirmed) => {
            PublicEvent::OrderConfirmed { confirmed_at: time(confirmed.confirmed_time)? }
        }
        OrdersEvent::Cancelled(cancelled) => PublicEvent::OrderCancelled {
            reason: cancel_reason(cancelled.reason)?,
            cancelled_at: time(cancelled.cancelled_time)?,
        },
        OrdersEvent::Finished(finished) => PublicEvent::OrderFinished {
            status: match orders::OrderStatus::try_from(finished.status).ok()? {
                orders::OrderStatus::Unspecified | orders::OrderStatus::Pending => return None,
                orders::OrderStatus::Confirmed => OrderStatus::Confirmed,
                orders::OrderStatus::Cancelled => OrderStatus::Cancelled,
            },
            cancel_reason: cancel_reason(finished.cancel_reason),
            finished_at: time(finished.finished_time)?,
        },
    })
}

fn of_inventory(event: InventoryEvent) -> Option<PublicEvent> {
    Some(match event {
        InventoryEvent::Reserved(reserved) => PublicEvent::StockReserved {
            units: reserved.lines.iter().map(|line| u64::from(line.quantity)).sum(),
            lines: u32::try_from(reserved.lines.len()).ok()?,
            reserved_at: time(reserved.reserved_time)?,
        },
        InventoryEvent::Rejected(rejected) => PublicEvent::StockRejected {
            shortages: rejected
                .shortages
                .into_iter()
                .map(|short| {
                    Some(Shortage { sku: short.sku.parse().ok()?, missing: Quantity::new(short.quantity)? })
                })
                .collect::<Option<_>>()?,
            rejected_at: time(rejected.rejected_time)?,
        },
        InventoryEvent::Committed(committed) => PublicEvent::StockCommitted {
            units: committed.units,
            committed_at: time(committed.committed_time)?,
        },
        InventoryEvent::Released(released) => {
            PublicEvent::StockReleased { units: released.units, released_at: time(released.released_time)? }
        }
        InventoryEvent::Restocked(restocked) => PublicEvent::StockRestocked {
            units: restocked.units,
            restocked_at: time(restocked.restocked_time)?,
        },
    })
}

fn of_payment(event: PaymentEvent) -> Option<PublicEvent> {
    Some(match event {
        PaymentEvent::Authorized(authorized) => PublicEvent::PaymentAuthorized {
            attempts: attempts(authorized.attempts, &authorized.last_failure),
            amount: money(authorized.amount.as_ref())?,
            authorized_at: time(authorized.authorized_time)?,
        },
        PaymentEvent::Declined(declined) => PublicEvent::PaymentDeclined {
            attempts: attempts(declined.attempts, &declined.last_failure),
            reason: declined.reason,
            declined_at: time(declined.declined_time)?,
        },
        PaymentEvent::Captured(captured) => PublicEvent::PaymentCaptured {
            attempts: attempts(captured.attempts, &captured.last_failure),
            amount: money(captured.amount.as_ref())?,
            captured_at: time(captured.captured_time)?,
        },
        PaymentEvent::CaptureFailed(failed) => PublicEvent::PaymentCaptureFailed {
            attempts: attempts(failed.attempts, &failed.last_failure),
            reason: failed.reason,
            failed_at: time(failed.failed_time)?,
        },
        PaymentEvent::Voided(voided) => PublicEvent::PaymentVoided {
            attempts: attempts(voided.attempts, &voided.last_failure),
            // Without a currency nothing was ever held.
            amount: match voided.amount {
                Some(amount) if !amount.currency_code.is_empty() => Some(money(Some(&amount))?),
                _ => None,
            },
            voided_at: time(voided.voided_time)?,
        },
    })
}

fn line(line: orders::OrderLine) -> Option<OrderLine> {
    Some(OrderLine {
        sku: line.sku.parse().ok()?,
        name: line.name,
        quantity: Quantity::new(line.quantity)?,
        unit_price: money(line.unit_price.as_ref())?,
    })
}

fn cancel_reason(reason: i32) -> Option<CancelReason> {
    match orders::CancelReason::try_from(reason).ok()? {
        orders::CancelReason::Unspecified => None,
        orders::CancelReason::OutOfStock => Some(CancelReason::OutOfStock),
        orders::CancelReason::PaymentDeclined => Some(CancelReason::PaymentDeclined),
        orders::CancelReason::Customer => Some(CancelReason::Customer),
        orders::CancelReason::CaptureFailed => Some(CancelReason::CaptureFailed),
        orders::CancelReason::Deadline => Some(CancelReason::Deadline),
    }
}

fn money(money: Option<&PublicMoney>) -> Option<Money> {
    convert::amount(money?)
}

fn time(timestamp: Option<prost_types::Timestamp>) -> Option<DateTime<Utc>> {
    convert::time(timestamp?)
}

fn attempts(count: u32, last_failure: &str) -> Attempts {
    Attempts { count, last_failure: last_failure.to_owned() }
}
