//! One lane: how far it has come, and what it waits for.

use bowline_contracts::envelope::{Envelope, HEAD_TYPE};
use uuid::Uuid;

use super::Verdict;
use super::history::{Ancestry, Doubt, Forgotten};
use crate::batch::applies_anything;
use crate::inbox::{InputId, Mark};

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) input: InputId,
    pub(super) source: String,
    /// The history of the last message taken, known to be one of the source's even before the source has told them.
    known: Option<Uuid>,
    /// What the source has told of its histories.
    ancestry: Option<Ancestry>,
    /// The last sequence applied and committed.
    pub(super) applied: i64,
    /// The history that it belongs to.
    pub(super) applied_in: Option<Uuid>,
    /// The last sequence taken into a batch.
    pub(super) scheduled: i64,
    /// The first message that was seen but not scheduled.
    pub(super) held: Option<Held>,
    /// The last sequence that lies, or has lain, on the topic, as far as the source has told.
    pub(super) published: i64,
    /// The last sequence that the topic has lost: it ended before what its source says to have published.
    pub(super) lost: Option<i64>,
    /// A history that the source is to be asked about.
    pub(super) doubt: Option<Doubt>,
    /// Why nothing more is applied; only a restart, or an operator who moves the watermark, lets it go on.
    pub(super) stopped: Option<String>,
    /// It has stopped because its source has forgotten what it has applied.
    pub(super) forgotten: Option<Forgotten>,
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

/// Whether a message belongs to the present history of its source.
enum Belongs {
    Yes,
    /// The source had given it out, and has forgotten it.
    NoMore,
    /// Its history is not known.
    Unknown,
}

impl Lane {
    pub(super) fn new(mark: Mark) -> Self {
        Self {
            input: mark.input,
            source: mark.source,
            known: mark.incarnation,
            ancestry: None,
            applied: mark.sequence,
            applied_in: mark.incarnation,
            scheduled: mark.sequence,
            held: None,
            published: 0,
            lost: None,
            doubt: None,
            stopped: None,
            forgotten: None,
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
        if !self.moves() {
            return Verdict::Hold;
        }
        match self.belongs(envelope.incarnation, envelope.sequence) {
            Belongs::Yes => {}
            Belongs::NoMore => return Verdict::Drop,
            Belongs::Unknown => {
                self.hold(offset, envelope.sequence);
                self.doubt = Some(Doubt { incarnation: envelope.incarnation, denied_by: None });
                return Verdict::Doubt;
            }
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
        self.known = Some(envelope.incarnation);
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

    fn belongs(&self, incarnation: Uuid, sequence: i64) -> Belongs {
        match &self.ancestry {
            None if self.known.is_none_or(|known| known == incarnation) => Belongs::Yes,
            None => Belongs::Unknown,
            Some(ancestry) => match ancestry.kept(incarnation) {
                None => Belongs::Unknown,
                Some(kept) if sequence > kept => Belongs::NoMore,
                Some(_) => Belongs::Yes,
            },
        }
    }

    /// True if the source has this message, for all that is known.
    pub(super) fn has(&self, incarnation: Uuid, sequence: i64) -> bool {
        matches!(self.belongs(incarnation, sequence), Belongs::Yes)
    }

    /// Messages are applied as they come: the lane has not stopped and is not in doubt.
    pub(super) fn moves(&self) -> bool {
        self.stopped.is_none() && self.doubt.is_none()
    }

    /// The source has told its histories. The lane goes on in the present one if that has all that is applied; else it
    /// stops. What is scheduled and forgotten is for the caller to take back.
    pub(super) fn learn(&mut self, ancestry: Ancestry) {
        let current = ancestry.current();
        if self.ancestry.as_ref().is_none_or(|before| before.current() != current) {
            // What was published in another history says nothing about this one.
            (self.published, self.lost) = (0, None);
        }
        let kept = self.applied_in.map(|applied_in| (applied_in, ancestry.kept(applied_in)));
        match kept {
            Some((applied_in, None)) => self.stopped = Some(stranger(self.applied, applied_in, current)),
            Some((_, Some(kept))) if kept < self.applied => {
                self.forgotten = Some(Forgotten { kept, incarnation: current });
                self.stopped = Some(forgotten(self.applied, kept, current));
            }
            _ => {}
        }
        self.doubt = self.doubt.take().and_then(|doubt| {
            let denied = ancestry.kept(doubt.incarnation).is_none();
            denied.then_some(Doubt { denied_by: Some(current), ..doubt })
        });
        self.ancestry = Some(ancestry);
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
        known.filter(|lack| self.moves() && lack.up_to > self.scheduled)
    }

    /// What the lane waits to be told, in words, and whether its source has denied it; `None` if it is not in doubt.
    pub(super) fn doubts(&self) -> Option<(bool, String)> {
        let Doubt { incarnation, denied_by } = self.doubt.as_ref()?;
        let known = self.known.map_or_else(|| "none".to_owned(), |known| known.to_string());
        let reason = match denied_by {
            None => format!(
                "the source continues under incarnation {incarnation}, known is {known}: it is asked whether it has \
                 lost commits"
            ),
            Some(current) => format!(
                "a message of incarnation {incarnation} has come, but the source at --lane-sources, now in incarnation \
                 {current}, never had that one: see that it names the server that publishes, and that nobody else \
                 publishes under this name; the source is asked again all the time"
            ),
        };
        Some((denied_by.is_some(), reason))
    }
}

fn forgotten(applied: i64, kept: i64, current: Uuid) -> String {
    format!(
        "sequences {} to {applied} were applied, but the source has lost them in a failover and continues behind sequence \
         {kept} under incarnation {current}: find out what they did here and mend it, then let the lane go on with `bowline \
         lanes accept`",
        kept + 1
    )
}

fn stranger(applied: i64, applied_in: Uuid, current: Uuid) -> String {
    format!(
        "sequence {applied} was applied in incarnation {applied_in}, from which the source, now in incarnation {current}, \
         does not descend: it is another database, or was restored from before that one began; give the address of the \
         right one with --lane-sources, or restore this consumer from a backup of that time"
    )
}
