//! Reading the message of a lane as a public event. There is one file per source: what is done about an event is the
//! same for all of them, the fold of the domain.

mod fields;
mod on_inventory_event;
mod on_orders_event;
mod on_payment_event;

use bowline_contracts::events::{InventoryEvent, OrdersEvent, PaymentEvent};
use bowline_kernel::OrderId;
use bowline_messaging::Incoming;
use bowline_projection_domain::PublicEvent;
use uuid::Uuid;

/// Why a message cannot be folded, now or later.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    /// The bytes are no message of the type that the envelope names.
    #[error("its payload is no {message_type}: {source}")]
    Payload {
        message_type: String,
        #[source]
        source: prost::DecodeError,
    },
    /// A field is not what it has to be.
    #[error("{field} must be {expected}")]
    Field { field: &'static str, expected: &'static str },
    /// Key and payload do not agree.
    #[error("it is about order {named}, which is not its key")]
    OtherOrder { named: OrderId },
}

/// True for the types of message that [`public_event`] knows.
pub(crate) fn concerns(message_type: &str) -> bool {
    bowline_contracts::events::ALL.iter().any(|(known, _)| *known == message_type)
}

/// The event in a message; `None` for a type that only a newer build knows.
pub(crate) fn public_event(message: &Incoming) -> Result<Option<PublicEvent>, Unreadable> {
    let (message_type, payload) = (message.envelope.message_type.as_str(), &message.payload[..]);
    let refused = |source| Unreadable::Payload { message_type: message_type.to_owned(), source };
    let event = if let Some(decoded) = OrdersEvent::decode(message_type, payload) {
        let event = decoded.map_err(refused)?;
        check_key(message.key, event.order_id())?;
        on_orders_event::read(event)?
    } else if let Some(decoded) = InventoryEvent::decode(message_type, payload) {
        let event = decoded.map_err(refused)?;
        check_key(message.key, event.order_id())?;
        on_inventory_event::read(event)?
    } else if let Some(decoded) = PaymentEvent::decode(message_type, payload) {
        let event = decoded.map_err(refused)?;
        check_key(message.key, event.order_id())?;
        on_payment_event::read(event)?
    } else {
        return Ok(None);
    };
    Ok(Some(event))
}

fn check_key(key: Uuid, named: &str) -> Result<(), Unreadable> {
    let named: OrderId = fields::id("order_id", named)?;
    if named.uuid() == key { Ok(()) } else { Err(Unreadable::OtherOrder { named }) }
}

#[cfg(test)]
mod tests;
