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
            Self::OrderPlaced(_) => "order_placed",
            Self::StockReservationNoted(_) => "stock_reservation_noted",
            Self::OrderConfirmed(_) => "order_confirmed",
            Self::OrderCancelled(_) => "order_cancelled",
            Self::StockCommitNoted(_) => "stock_commit_noted",
            Self::StockReleaseNoted(_) => "stock_release_noted",
            Self::StockRestockNoted(_) => "stock_restock_noted",
            Self::CaptureNoted(_) => "capture_noted",
            Self::VoidNoted(_) => "void_noted",
            Self::OrderFinished(_) => "order_finished",
        }
    }

    /// The version of the form in which [`Event::encode`] writes it, from 1.
    pub const fn schema_version(&self) -> u16 {
        match self {
            Self::OrderPlaced(_)
            | Self::StockReservationNoted(_)
            | Self::OrderConfirmed(_)
            | Self::OrderCancelled(_)
            | Self::StockCommitNoted(_)
            | Self::StockReleaseNoted(_)
            | Self::StockRestockNoted(_)
            | Self::CaptureNoted(_)
            | Self::VoidNoted(_)
            | Self::OrderFinished(_) => 1,
        }
    }

    /// The payload as JSON text. Type and schema version are stored beside it.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::OrderPlaced(event) => json(event),
            Self::StockReservationNoted(event) => json(event),
            Self::OrderConfirmed(event) => json(event),
            Self::OrderCancelled(event) => json(event),
            Self::StockCommitNoted(event) => json(event),
            Self::StockReleaseNoted(event) => json(event),
            Self::StockRestockNoted(event) => json(event),
            Self::CaptureNoted(event) => json(event),
            Self::VoidNoted(event) => json(event),
            Self::OrderFinished(event) => json(event),
        }
    }

    /// Reads a stored event. An older schema version gets an arm of its own here, which brings it up to date.
    pub fn decode(event_type: &str, schema_version: u16, payload: &[u8]) -> Result<Self, DecodeError> {
        let stored = Stored { event_type, schema_version, payload };
        match (event_type, schema_version) {
            ("order_placed", 1) => stored.read(Self::OrderPlaced),
            ("stock_reservation_noted", 1) => stored.read(Self::StockReservationNoted),
            ("order_confirmed", 1) => stored.read(Self::OrderConfirmed),
            ("order_cancelled", 1) => stored.read(Self::OrderCancelled),
            ("stock_commit_noted", 1) => stored.read(Self::StockCommitNoted),
            ("stock_release_noted", 1) => stored.read(Self::StockReleaseNoted),
            ("stock_restock_noted", 1) => stored.read(Self::StockRestockNoted),
            ("capture_noted", 1) => stored.read(Self::CaptureNoted),
            ("void_noted", 1) => stored.read(Self::VoidNoted),
            ("order_finished", 1) => stored.read(Self::OrderFinished),
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
