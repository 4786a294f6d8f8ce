//! What travels in the headers of a message.
//!
//! CloudEvents 1.0 in the binary mode of its Kafka binding: every attribute is a header `ce_<name>` with UTF-8 text.
//! Beyond the standard attributes there are extensions: `ce_sequence` and `ce_incarnation` place the message in its
//! lane, `ce_causationid` names the message that led to it, `traceparent` is the W3C trace context. A *head* message
//! (type [`HEAD_TYPE`]) takes no sequence; its `ce_sequence` says the last one that its lane has given out.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};
use uuid::Uuid;

/// The type of a message that only announces the last sequence of its lane.
pub const HEAD_TYPE: &str = "bowline.messaging.v1.LaneHead";

/// The attributes of a message beside its key and its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Unique over all services; the same whenever the message is published again.
    pub id: Uuid,
    /// The service (and shard) that sends.
    pub source: String,
    /// The protobuf full name of the payload, or [`HEAD_TYPE`].
    pub message_type: String,
    /// When it happened, by the source's clock, in microseconds.
    pub time: DateTime<Utc>,
    /// The place in the lane (source, topic, partition): 1, 2, 3, … without a hole.
    pub sequence: i64,
    /// The history of the lane in which the sequence was given.
    pub incarnation: Uuid,
    /// The message or request that led to this one.
    pub causation: Option<Uuid>,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

/// Why headers are not those of a message of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// A header is absent.
    #[error("header {0} is missing")]
    Missing(&'static str),
    /// A header cannot be read.
    #[error("header {name} must be {expected}")]
    Malformed {
        /// The header.
        name: &'static str,
        /// What would have been right.
        expected: &'static str,
    },
}

impl Envelope {
    /// Calls `emit` with every header, name and text.
    pub fn encode(&self, mut emit: impl FnMut(&'static str, &str)) {
        let mut buffer = Uuid::encode_buffer();
        emit("ce_specversion", "1.0");
        emit("ce_id", self.id.hyphenated().encode_lower(&mut buffer));
        emit("ce_source", &self.source);
        emit("ce_type", &self.message_type);
        emit("ce_time", &self.time.to_rfc3339_opts(SecondsFormat::Micros, true));
        emit("content-type", "application/protobuf");
        let mut sequence = String::with_capacity(20);
        write!(sequence, "{}", self.sequence).expect("writing to a string does not fail");
        emit("ce_sequence", &sequence);
        emit("ce_incarnation", self.incarnation.hyphenated().encode_lower(&mut buffer));
        if let Some(causation) = self.causation {
            emit("ce_causationid", causation.hyphenated().encode_lower(&mut buffer));
        }
        if let Some(traceparent) = &self.traceparent {
            emit("traceparent", traceparent);
        }
    }

    /// Reads an envelope from headers; unknown headers are passed over.
    pub fn decode<'a>(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, EnvelopeError> {
        let mut fields = Fields::default();
        for (name, value) in headers {
            fields.take(name, value);
        }
        fields.finish()
    }
}

/// Headers as found, before they are read.
#[derive(Default)]
struct Fields<'a> {
    id: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
    message_type: Option<&'a [u8]>,
    time: Option<&'a [u8]>,
    sequence: Option<&'a [u8]>,
    incarnation: Option<&'a [u8]>,
    causation: Option<&'a [u8]>,
    traceparent: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    fn take(&mut self, name: &str, value: &'a [u8]) {
        let field = match name {
            "ce_id" => &mut self.id,
            "ce_source" => &mut self.source,
            "ce_type" => &mut self.message_type,
            "ce_time" => &mut self.time,
            "ce_sequence" => &mut self.sequence,
            "ce_incarnation" => &mut self.incarnation,
            "ce_causationid" => &mut self.causation,
            "traceparent" => &mut self.traceparent,
            _ => return,
        };
        *field = Some(value);
    }

    fn finish(self) -> Result<Envelope, EnvelopeError> {
        let time = required("ce_time", self.time, "a time of RFC 3339", |text| {
            DateTime::parse_from_rfc3339(text).ok()
        })?;
        let optional_text =
            |value: Option<&[u8]>| value.and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_owned);
        Ok(Envelope {
            id: required("ce_id", self.id, UUID, parse_uuid)?,
            source: required("ce_source", self.source, TEXT, |text| Some(text.to_owned()))?,
            message_type: required("ce_type", self.message_type, TEXT, |text| Some(text.to_owned()))?,
            time: time.to_utc(),
            sequence: required("ce_sequence", self.sequence, "a whole number from 0", |text| {
                text.parse().ok().filter(|sequence| *sequence >= 0)
            })?,
            incarnation: required("ce_incarnation", self.incarnation, UUID, parse_uuid)?,
            causation: match self.causation {
                None => None,
                given => Some(required("ce_causationid", given, UUID, parse_uuid)?),
            },
            traceparent: optional_text(self.traceparent),
        })
    }
}

const UUID: &str = "a hyphenated UUID";
const TEXT: &str = "text in UTF-8";

fn parse_uuid(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok()
}

fn required<T>(
    name: &'static str,
    value: Option<&[u8]>,
    expected: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, EnvelopeError> {
    let value = value.ok_or(EnvelopeError::Missing(name))?;
    let malformed = EnvelopeError::Malformed { name, expected };
    std::str::from_utf8(value).ok().and_then(parse).ok_or(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope() -> Envelope {
        Envelope {
            id: Uuid::from_u128(1),
            source: "orders".into(),
            message_type: "bowline.orders.v1.OrderPlaced".into(),
            time: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
            sequence: 42,
            incarnation: Uuid::from_u128(2),
            causation: Some(Uuid::from_u128(3)),
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        }
    }

    fn headers(envelope: &Envelope) -> Vec<(&'static str, Vec<u8>)> {
        let mut headers = Vec::new();
        envelope.encode(|name, value| headers.push((name, value.as_bytes().to_vec())));
        headers
    }

    fn decode(headers: &[(&'static str, Vec<u8>)]) -> Result<Envelope, EnvelopeError> {
        Envelope::decode(headers.iter().map(|(name, value)| (*name, value.as_slice())))
    }

    #[test]
    fn what_was_encoded_is_decoded() {
        let full = envelope();
        assert_eq!(decode(&headers(&full)), Ok(full.clone()));
        let minimal = Envelope { causation: None, traceparent: None, ..full };
        assert_eq!(decode(&headers(&minimal)), Ok(minimal));
    }

    #[test]
    fn every_required_header_is_missed() {
        let full = headers(&envelope());
        for name in ["ce_id", "ce_source", "ce_type", "ce_time", "ce_sequence", "ce_incarnation"] {
            let without: Vec<_> = full.iter().filter(|(header, _)| *header != name).cloned().collect();
            assert_eq!(decode(&without), Err(EnvelopeError::Missing(name)));
        }
    }

    #[test]
    fn a_malformed_header_is_named() {
        let mut broken = headers(&envelope());
        for (name, value) in &mut broken {
            if *name == "ce_sequence" {
                *value = b"-1".to_vec();
            }
        }
        let expected = "a whole number from 0";
        assert_eq!(decode(&broken), Err(EnvelopeError::Malformed { name: "ce_sequence", expected }));
    }
}
