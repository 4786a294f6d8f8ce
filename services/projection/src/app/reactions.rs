//! Reading the message of a lane as a public event. There is one file per source: what is done about an event is the
//! same for all of them, the fold of the domain.

mod fields;
mod on_inventory_event;
mod on_orders_event;
mod on_payment_event;

use bowline_contracts::events::{self, InventoryEvent, OrdersEvent, PaymentEvent};
use bowline_messaging::Incoming;
use bowline_projection_domain::PublicEvent;

/// Why a message cannot be folded, now or later.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// It is no message of its type, or not about its key.
    #[error(transparent)]
    Message(#[from] events::Unreadable),
    /// A field is not what it has to be.
    #[error("{field} must be {expected}")]
    Field { field: &'static str, expected: &'static str },
}

/// True for the types of message that [`public_event`] knows.
pub(crate) fn concerns(message_type: &str) -> bool {
    bowline_contracts::events::ALL.iter().any(|(known, _)| *known == message_type)
}

/// The event in a message; `None` for a type that only a newer build knows.
pub(crate) fn public_event(message: &Incoming) -> Result<Option<PublicEvent>, Unreadable> {
    let (key, message_type, payload) = (message.key, &*message.envelope.message_type, &*message.payload);
    if let Some(event) = OrdersEvent::read(key, message_type, payload)? {
        on_orders_event::read(event).map(Some)
    } else if let Some(event) = InventoryEvent::read(key, message_type, payload)? {
        on_inventory_event::read(event).map(Some)
    } else if let Some(event) = PaymentEvent::read(key, message_type, payload)? {
        on_payment_event::read(event).map(Some)
    } else {
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
