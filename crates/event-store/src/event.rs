//! An event on its way in, and one on its way out.

use bowline_kernel::EventId;
use bowline_kernel::stored::{DecodeError, Payload, Stored};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Error;

/// What is known about an event beside what it says. Stored as JSON; what is absent is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The event itself, unique over all services; a message that is published for it carries the same id.
    pub event_id: EventId,
    /// The message or the request that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// What all messages of one conversation have in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<Uuid>,
    /// The W3C trace context in which it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// An event that is to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Its stream.
    pub stream_id: Uuid,
    /// Its place in the stream: from 1, one more than the event before.
    pub version: u32,
    /// What kind of event it is; never renamed once stored.
    pub event_type: &'static str,
    /// The form of the payload, from 1.
    pub schema_version: u16,
    /// JSON text.
    pub payload: Vec<u8>,
    /// What is known beside it.
    pub metadata: Metadata,
    /// When it was decided, by the service's clock, in microseconds.
    pub recorded_at: DateTime<Utc>,
}

/// An event as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its stream.
    pub stream_id: Uuid,
    /// Its place in the stream, from 1.
    pub version: u32,
    /// What kind of event it is.
    pub event_type: String,
    /// The form of the payload.
    pub schema_version: u16,
    /// JSON text, in the form that it had when it was stored.
    pub payload: Vec<u8>,
    /// What is known beside it.
    pub metadata: Metadata,
    /// When it was decided.
    pub recorded_at: DateTime<Utc>,
}

impl StoredEvent {
    /// What it says, in the newest form.
    pub fn decode<E: Stored>(&self) -> Result<E, Error> {
        let decoded = E::decode(&self.event_type, self.schema_version, &self.payload);
        decoded.map_err(|source| self.undecodable(source))
    }

    /// The payload as it was stored.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Error> {
        let (event_type, schema_version) = (&*self.event_type, self.schema_version);
        let payload = Payload { event_type, schema_version, json: &self.payload };
        payload.read(|json| json).map_err(|source| self.undecodable(source))
    }

    fn undecodable(&self, source: DecodeError) -> Error {
        Error::Undecodable {
            stream_id: self.stream_id,
            version: self.version,
            event_type: self.event_type.clone(),
            schema_version: self.schema_version,
            source,
        }
    }
}
