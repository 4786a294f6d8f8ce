//! One lane: how far it has come, and what it waits for.

use bowline_contracts::envelope::{Envelope, HEAD_TYPE};
use uuid::Uuid;

use super::Verdict;
use crate::batch::applies_anything;
use crate::inbox::{InputId, Mark};

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) input: InputId,
    pub(super) source: String,
    incarnation: Option<Uuid>,
    /// The last sequence applied and committed.
    pub(super) applied: i64,
    /// The last sequence taken into a batch.
    pub(super) scheduled: i64,
    /// The first message that was seen but not scheduled.
    pub(super) held: Option<Held>,
    /// The last sequence that lies, or has lain, on the topic, as far as the source has told.
    pub(super) published: i64,
    /// The last sequence that the topic has lost: it ended before what its source says to have published.
    pub(super) lost: Option<i64>,
    /// Why nothing more is applied; only a restart tries again.
    pub(super) stopped: Option<String>,
}

/// A message that waits on the topic for earlier ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) offset: i64,
    waits_for: Lack,
}

/// What is known to be missing behind the last sequence that was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lack {
    /// The last sequence that is missing.
    pub(super) up_to: i64,
    /// The last sequence that the source must have given out.
    pub(super) seen: i64,
}

impl Lane {
    pub(super) fn new(mark: Mark) -> Self {
        Self {
            input: mark.input,
            source: mark.source,
            incarnation: mark.incarnation,
            applied: mark.sequence,
            scheduled: mark.sequence,
            held: None,
            published: 0,
            lost: None,
            stopped: None,
        }
    }

    /// A message has been read at `offset`.
    pub(super) fn receive(&mut self, offset: i64, envelope: &Envelope) -> Verdict {
        let verdict = self.admit(offset, envelope);
        match (verdict, self.held) {
            (Verdict::Apply(input), Some(held)) => {
                self.held = None;
                Verdict::ApplyAndReread(input, held.offset)
            }
            (verdict, _) => verdict,
        }
    }

    /// Whether a message, read at `offset` or brought by its source, is the next one.
    pub(super) fn admit(&mut self, offset: i64, envelope: &Envelope) -> Verdict {
        if self.stopped.is_some() {
            return Verdict::Hold;
        }
        if let Some(known) = self.incarnation.filter(|known| *known != envelope.incarnation) {
            let reason = format!(
                "the source continues under incarnation {}, known is {known}: find out whether it has lost commits",
                envelope.incarnation
            );
            self.hold(offset, envelope.sequence);
            self.stopped = Some(reason.clone());
            return Verdict::Stop(reason);
        }
        if applies_anything() {
            return self.admit_anything(envelope);
        }
        if envelope.sequence <= self.scheduled {
            return Verdict::Drop;
        }
        let seen = envelope.sequence;
        if envelope.message_type == HEAD_TYPE {
            self.hold_for(offset, Lack { up_to: seen, seen });
            return Verdict::Hold;
        }
        if seen > self.scheduled + 1 {
            self.hold(offset, seen);
            return Verdict::Hold;
        }
        self.incarnation = Some(envelope.incarnation);
        self.scheduled = envelope.sequence;
        Verdict::Apply(self.input)
    }

    /// What a consumer without watermarks does with a message.
    fn admit_anything(&mut self, envelope: &Envelope) -> Verdict {
        if envelope.message_type == HEAD_TYPE {
            return Verdict::Drop;
        }
        self.scheduled = envelope.sequence;
        Verdict::Apply(self.input)
    }

    /// Reading has to come back to the message `sequence` at `offset`.
    pub(super) fn hold(&mut self, offset: i64, sequence: i64) {
        self.hold_for(offset, Lack { up_to: sequence - 1, seen: sequence });
    }

    fn hold_for(&mut self, offset: i64, waits_for: Lack) {
        let held = self.held.get_or_insert(Held { offset, waits_for });
        held.offset = held.offset.min(offset);
        if waits_for.up_to < held.waits_for.up_to {
            held.waits_for = waits_for;
        }
    }

    /// What is known to be missing.
    pub(super) fn waits_for(&self) -> Option<Lack> {
        let ended = self.lost.map(|up_to| Lack { up_to, seen: up_to });
        let known = self.held.map(|held| held.waits_for).or(ended);
        known.filter(|lack| self.stopped.is_none() && lack.up_to > self.scheduled)
    }
}
