//! The stored form of events: a type, a schema version, and JSON. Names and forms, once stored, stay.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// An event that can be written down and read back, however old the form that it was written in.
pub trait Stored: Sized {
    /// The type under which the event is stored; never renamed.
    fn event_type(&self) -> &'static str;

    /// The version of the form in which [`Stored::encode`] writes it, from 1; raised whenever that form changes.
    fn schema_version(&self) -> u16;

    /// The payload as JSON text, in its newest form. Type and schema version are stored beside it.
    fn encode(&self) -> Vec<u8>;

    /// Reads a stored event. An older schema version gets an arm of its own here, which brings it up to date; a type
    /// or a version that is not known is an error, never a guess.
    fn decode(event_type: &str, schema_version: u16, payload: &[u8]) -> Result<Self, DecodeError>;
}

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

/// What [`Stored::decode`] is given.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    /// The stored type.
    pub event_type: &'a str,
    /// The stored schema version.
    pub schema_version: u16,
    /// JSON text.
    pub json: &'a [u8],
}

impl Payload<'_> {
    /// The payload read as `T` and turned into an event; an upcast is a `T` of the old form and another `into_event`.
    pub fn read<T: DeserializeOwned, E>(&self, into_event: impl FnOnce(T) -> E) -> Result<E, DecodeError> {
        serde_json::from_slice(self.json).map(into_event).map_err(|source| DecodeError::Malformed {
            event_type: self.event_type.to_owned(),
            schema_version: self.schema_version,
            source,
        })
    }

    /// The error for what is not known.
    pub fn unknown(&self) -> DecodeError {
        DecodeError::Unknown { event_type: self.event_type.to_owned(), schema_version: self.schema_version }
    }
}

/// `event` as [`Stored::encode`] writes it.
///
/// # Panics
/// If it holds what JSON cannot, such as a map whose keys are no text.
pub fn json(event: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(event).expect("events hold only text, numbers and lists")
}
