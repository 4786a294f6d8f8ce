//! How payments are stored: the domain's events and states under the domain's own names and forms.

use bowline_event_store::{DecodeError, Persistent, SnapshotForm};
use bowline_payment_domain::{Event, PaymentDecider, State};

/// The streams of payments.
#[derive(Debug, Clone, Copy)]
pub struct Payments;

impl Persistent for Payments {
    type Decider = PaymentDecider;

    const SNAPSHOTS: Option<SnapshotForm<State>> = Some(SnapshotForm::json(State::SCHEMA_VERSION));

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
        Ok(Event::decode(event_type, schema_version, payload)?)
    }
}
