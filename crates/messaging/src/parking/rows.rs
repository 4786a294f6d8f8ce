//! Parked messages as columns and rows.

use bowline_contracts::topics::Topic;
use bytes::Bytes;
use uuid::Uuid;

use super::{Letter, Parked};
use crate::Error;
use crate::envelope::envelope;
use crate::inbox::Incoming;

/// The columns of messages that are parked.
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub(super) keys: Vec<Uuid>,
    pub(super) inputs: Vec<i32>,
    pub(super) topics: Vec<&'a str>,
    pub(super) sources: Vec<&'a str>,
    pub(super) partitions: Vec<i16>,
    pub(super) offsets: Vec<i64>,
    pub(super) sequences: Vec<i64>,
    pub(super) incarnations: Vec<Uuid>,
    pub(super) ids: Vec<Uuid>,
    pub(super) message_types: Vec<&'a str>,
    pub(super) times: Vec<chrono::DateTime<chrono::Utc>>,
    pub(super) causations: Vec<Option<Uuid>>,
    pub(super) traceparents: Vec<Option<&'a str>>,
    pub(super) payloads: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(parked: &[Parked<'a>]) -> Self {
        let mut columns = Self::default();
        for Parked { message, .. } in parked {
            let envelope = &message.envelope;
            columns.keys.push(message.key);
            columns.inputs.push(message.input);
            columns.topics.push(message.topic.name);
            columns.sources.push(&envelope.source);
            columns.partitions.push(message.partition.cast_signed());
            columns.offsets.push(message.offset);
            columns.sequences.push(envelope.sequence);
            columns.incarnations.push(envelope.incarnation);
            columns.ids.push(envelope.id);
            columns.message_types.push(&envelope.message_type);
            columns.times.push(envelope.time);
            columns.causations.push(envelope.causation);
            columns.traceparents.push(envelope.traceparent.as_deref());
            columns.payloads.push(&message.payload);
        }
        columns
    }
}

/// A parked message as stored.
pub(super) struct LetterRow {
    pub(super) letter: i64,
    pub(super) edits: i32,
    pub(super) input: i32,
    pub(super) topic: String,
    pub(super) partition: i16,
    pub(super) read_offset: i64,
    pub(super) key: Uuid,
    pub(super) source: String,
    pub(super) sequence: i64,
    pub(super) incarnation: Uuid,
    pub(super) id: Uuid,
    pub(super) message_type: String,
    pub(super) happened_at: chrono::DateTime<chrono::Utc>,
    pub(super) causation: Option<Uuid>,
    pub(super) traceparent: Option<String>,
    pub(super) payload: Vec<u8>,
}

impl LetterRow {
    pub(super) fn letter(self, topics: &[&'static Topic]) -> Result<Letter, Error> {
        let topic = topics.iter().find(|topic| topic.name == self.topic).copied();
        let topic =
            topic.ok_or_else(|| Error::UnknownTopic { letter: self.letter, topic: self.topic.clone() })?;
        let envelope = envelope!(self, self.source);
        let message = Incoming {
            input: self.input,
            topic,
            partition: self.partition.cast_unsigned(),
            offset: self.read_offset,
            key: self.key,
            envelope,
            payload: Bytes::from(self.payload),
        };
        Ok(Letter { number: self.letter, edits: self.edits, message })
    }
}
