//! What payment does about the messages of the saga: one file for each of them.

mod on_order_confirmed;
mod on_stock_reserved;
mod on_void_payment;

use bowline_contracts::events::{InventoryEvent, OrdersEvent, PaymentCommand, Published as _};
use bowline_contracts::topics::{INVENTORY_EVENTS, ORDERS_EVENTS, PAYMENT_COMMANDS};
use bowline_contracts::{inventory, orders, payment};
use bowline_kernel::OrderId;
use bowline_messaging::Incoming;
use bowline_payment_domain::Command;
use chrono::{DateTime, Utc};

/// True if payment does something about messages of this type.
pub(super) fn concerns(message_type: &str) -> bool {
    message_type == inventory::v1::StockReserved::TYPE
        || message_type == orders::v1::OrderConfirmed::TYPE
        || message_type == payment::v1::VoidPayment::TYPE
}

/// The domain's command for a message; `None` when payment does nothing about it. The error says what is wrong with it.
pub(super) fn command(message: &Incoming, at: DateTime<Utc>) -> Result<Option<Command>, String> {
    let message_type = message.envelope.message_type.as_str();
    if !concerns(message_type) {
        return Ok(None);
    }
    let order_id = OrderId::new(message.key);
    let topic = message.topic.name;
    if topic == INVENTORY_EVENTS.name {
        let event = read(message, InventoryEvent::decode, InventoryEvent::order_id)?;
        event.map_or(Ok(None), |event| on_inventory(&event, order_id, at))
    } else if topic == ORDERS_EVENTS.name {
        let event = read(message, OrdersEvent::decode, OrdersEvent::order_id)?;
        Ok(event.and_then(|event| on_orders(&event, at)))
    } else if topic == PAYMENT_COMMANDS.name {
        let command = read(message, PaymentCommand::decode, PaymentCommand::order_id)?;
        Ok(command.map(|command| on_command(&command, at)))
    } else {
        Ok(None)
    }
}

fn on_inventory(
    event: &InventoryEvent,
    order_id: OrderId,
    at: DateTime<Utc>,
) -> Result<Option<Command>, String> {
    match event {
        InventoryEvent::Reserved(event) => on_stock_reserved::command(event, order_id, at).map(Some),
        InventoryEvent::Rejected(_)
        | InventoryEvent::Committed(_)
        | InventoryEvent::Released(_)
        | InventoryEvent::Restocked(_) => Ok(None),
    }
}

fn on_orders(event: &OrdersEvent, at: DateTime<Utc>) -> Option<Command> {
    match event {
        OrdersEvent::Confirmed(_) => Some(on_order_confirmed::command(at)),
        OrdersEvent::Placed(_) | OrdersEvent::Cancelled(_) | OrdersEvent::Finished(_) => None,
    }
}

fn on_command(command: &PaymentCommand, at: DateTime<Utc>) -> Command {
    match command {
        PaymentCommand::Void(_) => on_void_payment::command(at),
    }
}

/// Decodes a message and checks that it is about the order that its key names.
fn read<M, E: std::fmt::Display>(
    message: &Incoming,
    decode: impl FnOnce(&str, &[u8]) -> Option<Result<M, E>>,
    order_id: impl FnOnce(&M) -> &str,
) -> Result<Option<M>, String> {
    let Some(decoded) = decode(&message.envelope.message_type, &message.payload) else { return Ok(None) };
    let decoded = decoded.map_err(|error| format!("the payload cannot be decoded: {error}"))?;
    let mut buffer = uuid::Uuid::encode_buffer();
    if order_id(&decoded) != &*message.key.hyphenated().encode_lower(&mut buffer) {
        return Err("the payload names another order than the key".into());
    }
    Ok(Some(decoded))
}
