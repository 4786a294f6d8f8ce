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
    let (key, payload) = (message.key, &*message.payload);
    let topic = message.topic.name;
    if topic == INVENTORY_EVENTS.name {
        let event =
            InventoryEvent::read(key, message_type, payload).map_err(|unreadable| unreadable.to_string())?;
        event.map_or(Ok(None), |event| on_inventory(&event, OrderId::new(key), at))
    } else if topic == ORDERS_EVENTS.name {
        let event =
            OrdersEvent::read(key, message_type, payload).map_err(|unreadable| unreadable.to_string())?;
        Ok(event.and_then(|event| on_orders(&event, at)))
    } else if topic == PAYMENT_COMMANDS.name {
        let command =
            PaymentCommand::read(key, message_type, payload).map_err(|unreadable| unreadable.to_string())?;
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
