//! The stored form of events: a type, a schema version, and JSON. Names and forms, once stored, stay.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Event;

/// A stored event that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// No event has this type, or none of this schema version; perhaps a newer release wrote it.
    #[error("no event {event_type} of schema version {schema_version} is known")]
    Unknown {
        /// The stored type.
        event_type: String,
        /// The stored schema version.
        schema_version: u16,
    },
    /// The payload does not have the form of its type and version.
    #[error("the payload of {event_type} of schema version {schema_version} is malformed")]
    Malformed {
        /// The stored type.
        event_type: String,
        /// The stored schema version.
        schema_version: u16,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

impl Event {
    /// The types under which events are stored: the names of the variants.
    pub const TYPES: &'static [&'static str] = <Self as strum::VariantNames>::VARIANTS;

    /// The type under which the event is stored.
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::AuthorizationRequested(_) => "authorization_requested",
            Self::PaymentAuthorized(_) => "payment_authorized",
            Self::PaymentDeclined(_) => "payment_declined",
            Self::CaptureRequested(_) => "capture_requested",
            Self::PaymentCaptured(_) => "payment_captured",
            Self::CaptureFailed(_) => "capture_failed",
            Self::VoidDeferred(_) => "void_deferred",
            Self::VoidRequested(_) => "void_requested",
            Self::PaymentVoided(_) => "payment_voided",
        }
    }

    /// The version of the form in which [`Event::encode`] writes it, from 1.
    pub const fn schema_version(&self) -> u16 {
        match self {
            Self::AuthorizationRequested(_)
            | Self::PaymentAuthorized(_)
            | Self::PaymentDeclined(_)
            | Self::CaptureRequested(_)
            | Self::PaymentCaptured(_)
            | Self::CaptureFailed(_)
            | Self::VoidDeferred(_)
            | Self::VoidRequested(_)
            | Self::PaymentVoided(_) => 1,
        }
    }

    /// The payload as JSON text. Type and schema version are stored beside it.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::AuthorizationRequested(event) => json(event),
            Self::PaymentAuthorized(event) => json(event),
            Self::PaymentDeclined(event) => json(event),
            Self::CaptureRequested(event) => json(event),
            Self::PaymentCaptured(event) => json(event),
            Self::CaptureFailed(event) => json(event),
            Self::VoidDeferred(event) => json(event),
            Self::VoidRequested(event) => json(event),
            Self::PaymentVoided(event) => json(event),
        }
    }

    /// Reads a stored event. An older schema version gets an arm of its own here, which brings it up to date.
    pub fn decode(event_type: &str, schema_version: u16, payload: &[u8]) -> Result<Self, DecodeError> {
        let stored = Stored { event_type, schema_version, payload };
        match (event_type, schema_version) {
            ("authorization_requested", 1) => stored.read(Self::AuthorizationRequested),
            ("payment_authorized", 1) => stored.read(Self::PaymentAuthorized),
            ("payment_declined", 1) => stored.read(Self::PaymentDeclined),
            ("capture_requested", 1) => stored.read(Self::CaptureRequested),
            ("payment_captured", 1) => stored.read(Self::PaymentCaptured),
            ("capture_failed", 1) => stored.read(Self::CaptureFailed),
            ("void_deferred", 1) => stored.read(Self::VoidDeferred),
            ("void_requested", 1) => stored.read(Self::VoidRequested),
            ("payment_voided", 1) => stored.read(Self::PaymentVoided),
            _ => Err(DecodeError::Unknown { event_type: event_type.to_owned(), schema_version }),
        }
    }
}

struct Stored<'a> {
    event_type: &'a str,
    schema_version: u16,
    payload: &'a [u8],
}

impl Stored<'_> {
    /// The payload read as `T` and turned into an event; an upcast is a `T` of the old form and another `into_event`.
    fn read<T: DeserializeOwned>(&self, into_event: impl FnOnce(T) -> Event) -> Result<Event, DecodeError> {
        serde_json::from_slice(self.payload).map(into_event).map_err(|source| DecodeError::Malformed {
            event_type: self.event_type.to_owned(),
            schema_version: self.schema_version,
            source,
        })
    }
}

fn json(event: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(event).expect("events hold only text, numbers and lists")
}
