//! How an order is stored.

use bowline_event_store::{DecodeError, Persistent};
use bowline_orders_domain::{Event, OrderDecider};

/// The event stream of one order, named by the order's id.
#[derive(Debug, Clone, Copy)]
pub struct OrderStream;

impl Persistent for OrderStream {
    type Decider = OrderDecider;

    fn event_type(event: &Event) -> &'static str {
        event.event_type()
    }

    fn schema_version(event: &Event) -> u16 {
        event.schema_version()
    }

    fn encode(event: &Event) -> Vec<u8> {
        event.encode()
    }

    fn decode(event_type: &str, schema_version: u16, payload: &[u8]) -> Result<Event, DecodeError> {
        Event::decode(event_type, schema_version, payload).map_err(Into::into)
    }
}
