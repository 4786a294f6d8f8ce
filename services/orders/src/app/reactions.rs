//! What other services report, and what orders makes of it: one file per report.

mod on_payment_authorized;
mod on_payment_capture_failed;
mod on_payment_captured;
mod on_payment_declined;
mod on_payment_voided;
mod on_stock_committed;
mod on_stock_rejected;
mod on_stock_released;
mod on_stock_reserved;
mod on_stock_restocked;

use bowline_contracts::events::{InventoryEvent, PaymentEvent};
use bowline_contracts::topics::{INVENTORY_EVENTS, PAYMENT_EVENTS};
use bowline_kernel::OrderId;
use bowline_messaging::{ExecuteError, Incoming, InputId};
use bowline_orders_domain::Command;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A report, ready to be decided.
#[derive(Debug)]
pub(crate) struct Report {
    /// Its index in the batch.
    pub(crate) message: usize,
    /// The lane that it came on.
    pub(crate) input: InputId,
    pub(crate) order_id: Uuid,
    pub(crate) causation: Uuid,
    pub(crate) traceparent: Option<String>,
    pub(crate) command: Command,
}

/// Orders reacts to everything that stock and payment report.
pub(crate) fn concerns(message_type: &str) -> bool {
    message_type.starts_with("bowline.inventory.v1.") || message_type.starts_with("bowline.payment.v1.")
}

/// The reports among the messages of a batch. Types that this build does not know come from a newer sender and are
/// passed over.
pub(crate) fn reports<'a>(
    messages: impl Iterator<Item = (usize, &'a Incoming)>,
    at: DateTime<Utc>,
) -> Result<Vec<Report>, ExecuteError> {
    let mut reports = Vec::new();
    for (message, incoming) in messages {
        match command(incoming, at) {
            Ok(None) => {}
            Ok(Some(command)) => reports.push(Report {
                message,
                input: incoming.input,
                order_id: incoming.key,
                causation: incoming.envelope.id,
                traceparent: incoming.envelope.traceparent.clone(),
                command,
            }),
            Err(reason) => return Err(ExecuteError::Poison { message, reason }),
        }
    }
    Ok(reports)
}

fn command(incoming: &Incoming, at: DateTime<Utc>) -> Result<Option<Command>, String> {
    let (message_type, payload) = (&*incoming.envelope.message_type, &*incoming.payload);
    if incoming.topic == &INVENTORY_EVENTS {
        let Some(event) = InventoryEvent::decode(message_type, payload) else { return Ok(None) };
        let event = event.map_err(|error| error.to_string())?;
        same_order(incoming.key, event.order_id())?;
        Ok(Some(on_inventory_event(&event, at)))
    } else if incoming.topic == &PAYMENT_EVENTS {
        let Some(event) = PaymentEvent::decode(message_type, payload) else { return Ok(None) };
        let event = event.map_err(|error| error.to_string())?;
        same_order(incoming.key, event.order_id())?;
        on_payment_event(&event, at).map(Some)
    } else {
        Ok(None)
    }
}

/// The key decides which order is changed, so the message must say the same. What is no id is not repeated: it may be
/// anything.
fn same_order(key: Uuid, order_id: &str) -> Result<(), String> {
    let mut buffer = Uuid::encode_buffer();
    if key.hyphenated().encode_lower(&mut buffer) == order_id {
        return Ok(());
    }
    let other: OrderId = order_id.parse().map_err(|error| format!("order_id {error}"))?;
    Err(format!("the message is about order {other}, but its key is {key}"))
}

fn on_inventory_event(event: &InventoryEvent, at: DateTime<Utc>) -> Command {
    match event {
        InventoryEvent::Reserved(event) => on_stock_reserved::command(event, at),
        InventoryEvent::Rejected(event) => on_stock_rejected::command(event, at),
        InventoryEvent::Committed(event) => on_stock_committed::command(event, at),
        InventoryEvent::Released(event) => on_stock_released::command(event, at),
        InventoryEvent::Restocked(event) => on_stock_restocked::command(event, at),
    }
}

fn on_payment_event(event: &PaymentEvent, at: DateTime<Utc>) -> Result<Command, String> {
    match event {
        PaymentEvent::Authorized(event) => on_payment_authorized::command(event, at),
        PaymentEvent::Declined(event) => Ok(on_payment_declined::command(event, at)),
        PaymentEvent::Captured(event) => on_payment_captured::command(event, at),
        PaymentEvent::CaptureFailed(event) => Ok(on_payment_capture_failed::command(event, at)),
        PaymentEvent::Voided(event) => on_payment_voided::command(event, at),
    }
}

/// The amount of a report, which must be there.
fn amount(money: Option<&bowline_contracts::common::v1::Money>) -> Result<bowline_kernel::Money, String> {
    money
        .and_then(bowline_contracts::convert::amount)
        .ok_or_else(|| "amount must be there and have a currency of ISO 4217".to_owned())
}
