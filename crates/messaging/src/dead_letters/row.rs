//! A parked message as stored, with the row of its queue.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{DeadLetter, Head};
use crate::envelope::envelope;

/// The columns.
pub(super) struct Row {
    pub(super) letter: i64,
    pub(super) key: Uuid,
    pub(super) topic: String,
    pub(super) source: String,
    pub(super) partition: i16,
    pub(super) read_offset: i64,
    pub(super) sequence: i64,
    pub(super) incarnation: Uuid,
    pub(super) id: Uuid,
    pub(super) message_type: String,
    pub(super) happened_at: DateTime<Utc>,
    pub(super) causation: Option<Uuid>,
    pub(super) traceparent: Option<String>,
    pub(super) payload: Vec<u8>,
    pub(super) parked_at: DateTime<Utc>,
    pub(super) edits: i32,
    pub(super) reason: String,
    pub(super) cause: String,
    pub(super) attempts: i32,
    pub(super) retry_requested: bool,
    pub(super) is_head: bool,
}

impl Row {
    pub(super) fn letter(self) -> DeadLetter {
        let head = Head {
            reason: self.reason,
            cause: self.cause,
            attempts: self.attempts.unsigned_abs(),
            retrying: self.retry_requested,
        };
        DeadLetter {
            letter: self.letter,
            key: self.key,
            topic: self.topic,
            partition: self.partition.cast_unsigned(),
            offset: self.read_offset,
            envelope: envelope!(self, self.source),
            payload: self.payload,
            parked_at: self.parked_at,
            edits: self.edits.unsigned_abs(),
            head: self.is_head.then_some(head),
        }
    }
}
