//! What this service does about messages: one file a message.

use std::fmt::Display;

use bowline_contracts::events::{InventoryCommand, OrdersEvent, Published as _};
use bowline_contracts::inventory::v1::{ReleaseStock, RestockOrder};
use bowline_contracts::orders::v1::{OrderConfirmed, OrderPlaced};
use bowline_inventory_domain::Message;
use bowline_kernel::OrderId;
use bowline_messaging::{Batch, ExecuteError, Incoming};

use self::on_order_placed::{Carried, on_order_placed};
use super::Command;

pub(crate) mod on_order_confirmed;
pub(crate) mod on_order_placed;
pub(crate) mod on_release_stock;
pub(crate) mod on_restock_order;

/// A message that this service does something about.
pub(crate) struct Reaction<'a> {
    /// Its index in the batch.
    pub(crate) index: usize,
    /// As it came.
    pub(crate) incoming: &'a Incoming,
    /// The order that it is about.
    pub(crate) order_id: OrderId,
    /// What it means here.
    pub(crate) message: Message,
    /// What is passed on with the fact that it leads to.
    pub(crate) carried: Option<Carried>,
}

/// True for the types that lead to a reaction; all others only move their watermark.
pub(crate) fn concerns(message_type: &str) -> bool {
    [OrderPlaced::TYPE, OrderConfirmed::TYPE, ReleaseStock::TYPE, RestockOrder::TYPE].contains(&message_type)
}

/// Reads the messages of a batch that concern this service, in order.
pub(crate) fn read(batch: &Batch<Command>) -> Result<Vec<Reaction<'_>>, ExecuteError> {
    let concerning = batch.messages().filter(|(_, incoming)| concerns(&incoming.envelope.message_type));
    let mut reactions = Vec::new();
    for (index, incoming) in concerning {
        let poison = |reason| ExecuteError::Poison { message: index, reason };
        if let Some((message, carried)) = translate(incoming).map_err(poison)? {
            let order_id = OrderId::new(incoming.key);
            reactions.push(Reaction { index, incoming, order_id, message, carried });
        }
    }
    Ok(reactions)
}

impl Reaction<'_> {
    /// The message cannot be applied because of this.
    pub(crate) fn poison(&self, reason: &dyn Display) -> ExecuteError {
        ExecuteError::Poison { message: self.index, reason: reason.to_string() }
    }
}

/// The public message in the words of the domain; `None` when there is nothing to do about it.
fn translate(incoming: &Incoming) -> Result<Option<(Message, Option<Carried>)>, String> {
    let (key, message_type, payload) = (incoming.key, &*incoming.envelope.message_type, &*incoming.payload);
    let event = OrdersEvent::read(key, message_type, payload).map_err(|error| error.to_string())?;
    if let Some(event) = event {
        return match event {
            OrdersEvent::Placed(event) => on_order_placed(event).map(Some),
            OrdersEvent::Confirmed(event) => Ok(Some((on_order_confirmed::on_order_confirmed(&event), None))),
            // Stock is given back by command, so that the answer can be told from nothing to do.
            OrdersEvent::Cancelled(_) | OrdersEvent::Finished(_) => Ok(None),
        };
    }
    let command = InventoryCommand::read(key, message_type, payload).map_err(|error| error.to_string())?;
    Ok(command.map(|command| match command {
        InventoryCommand::Release(command) => (on_release_stock::on_release_stock(&command), None),
        InventoryCommand::Restock(command) => (on_restock_order::on_restock_order(&command), None),
    }))
}
