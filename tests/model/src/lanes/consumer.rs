//! The consumer's database, and what its processes make of the log.

use super::{
    Broken, Extent, IncarnationId, Lanes, Message, Offset, Process, Record, Sequence, Source, State,
};

/// The consumer's database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Inbox {
    /// Who holds the lease.
    pub holder: Process,
    /// The effects, in the order of their commits.
    pub applied: Vec<Message>,
    /// The last sequence applied.
    pub watermark: Sequence,
    /// The history of the message at the watermark.
    pub incarnation: Option<IncarnationId>,
    /// Where reading goes on.
    pub position: Offset,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self { holder: Process::A, applied: Vec::new(), watermark: 0, incarnation: None, position: 0 }
    }
}

/// What a process of the consumer keeps of the lane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tracker {
    /// The process believes to own the partition.
    pub active: bool,
    /// The newest history that it has heard of.
    pub known: Option<IncarnationId>,
    /// The history of the last message applied.
    pub base: Option<IncarnationId>,
    /// The watermark as it knows it.
    pub applied: Sequence,
    /// Scheduled, not yet applied.
    pub pending: Vec<Message>,
    /// The first record that was read and not scheduled.
    pub held_at: Option<Offset>,
    /// The offset behind the last record read.
    pub read_to: Offset,
    /// The position as it last wrote it.
    pub stored: Offset,
    /// It has applied what its source has forgotten: nothing more is applied.
    pub stopped: bool,
}

impl Tracker {
    /// Begins where the database says.
    pub(super) fn load(inbox: &Inbox) -> Self {
        Self {
            active: true,
            known: inbox.incarnation,
            base: inbox.incarnation,
            applied: inbox.watermark,
            pending: Vec::new(),
            held_at: None,
            read_to: inbox.position,
            stored: inbox.position,
            stopped: false,
        }
    }

    /// The last sequence taken into a batch.
    pub fn scheduled(&self) -> Sequence {
        self.pending.last().map_or(self.applied, |message| message.sequence)
    }

    fn scheduled_in(&self) -> Option<IncarnationId> {
        self.pending.last().map(|message| message.incarnation).or(self.base)
    }

    /// Where reading goes on when everything scheduled is applied.
    fn resume_at(&self) -> Offset {
        self.held_at.unwrap_or(self.read_to)
    }

    /// See [`State::rank`]. `end` is the end of the log.
    pub(super) fn rank(&self, end: Offset) -> [u8; 6] {
        [
            self.applied,
            self.scheduled(),
            u8::from(self.stopped),
            self.known.map_or(0, |known| known + 1),
            u8::MAX - (end - self.read_to),
            u8::from(self.stored == self.resume_at()),
        ]
    }

    /// The source has told its history. The lane goes on in it unless something scheduled is forgotten there.
    fn learn(&mut self, source: &Source, broken: Option<Broken>) {
        let survives = self.scheduled_in().is_none_or(|base| match source.extent(base, source.incarnation) {
            Extent::Whole => true,
            Extent::Foreign => false,
            Extent::UpTo(kept) => match broken {
                Some(Broken::AcceptNoIncarnation) => false,
                Some(Broken::AcceptAnyChild) => true,
                _ => self.scheduled() <= kept,
            },
        });
        if survives {
            self.known = Some(source.incarnation);
        } else {
            self.stopped = true;
        }
    }

    /// The first offset that it may look at again.
    pub(super) fn first_needed(&self, start: Offset) -> Offset {
        self.held_at.unwrap_or(self.read_to.max(start)).min(self.stored.max(start))
    }

    /// The first records of the log are forgotten.
    pub(super) fn shift(&mut self, records: Offset) {
        self.read_to = self.read_to.saturating_sub(records);
        self.stored = self.stored.saturating_sub(records);
        self.held_at = self.held_at.map(|held| held - records);
    }

    fn hold(&mut self, offset: Offset) {
        self.held_at.get_or_insert(offset);
    }

    /// Schedules the next message of the lane; what was held is read again.
    fn schedule(&mut self, message: Message) {
        self.pending.push(message);
        if let Some(held) = self.held_at.take() {
            self.read_to = held;
        }
    }
}

impl Lanes {
    /// A process reads the next record: a duplicate is dropped, the next message scheduled, what lies behind a gap
    /// held. Of a history that it has not heard of it asks the source.
    pub(super) fn read(&self, state: &State, process: Process) -> Option<State> {
        let tracker = &state.trackers[process];
        if !tracker.active || tracker.stopped {
            return None;
        }
        let offset = tracker.read_to.max(state.broker.start);
        let record = state.broker.record(offset)?;
        let mut next = state.clone();
        let tracker = &mut next.trackers[process];
        tracker.read_to = offset + 1;
        if !self.lacks(Broken::AcceptAnyIncarnation) {
            let incarnation = record.incarnation();
            let known = *tracker.known.get_or_insert(incarnation);
            let mut extent = next.source.extent(incarnation, known);
            if extent == Extent::Foreign {
                if !next.source.is_recorded {
                    return None;
                }
                tracker.learn(&next.source, self.broken);
                if tracker.stopped {
                    tracker.hold(offset);
                    return Some(next);
                }
                extent = next.source.extent(incarnation, next.source.incarnation);
            }
            if !extent.holds(record.sequence()) {
                // Its source has forgotten it.
                return Some(next);
            }
        }
        if record.sequence() <= tracker.scheduled() {
            return Some(next);
        }
        let continues = record.sequence() == tracker.scheduled() + 1 || self.lacks(Broken::SkipGap);
        match record {
            Record::Message(message) if continues => tracker.schedule(message),
            Record::Message(_) | Record::Head { .. } => tracker.hold(offset),
        }
        Some(next)
    }

    /// A process that holds messages back asks the source for those that are missing, and reads again from the first
    /// that it holds.
    pub(super) fn ask_source(&self, state: &State, process: Process) -> Option<State> {
        let tracker = &state.trackers[process];
        let held = tracker.held_at.filter(|_| tracker.active && !tracker.stopped)?;
        if !state.source.is_recorded || self.lacks(Broken::NeverAskSource) {
            return None;
        }
        let mut next = state.clone();
        let tracker = &mut next.trackers[process];
        if !self.lacks(Broken::AcceptAnyIncarnation) {
            tracker.learn(&next.source, self.broken);
            if tracker.stopped {
                return Some(next);
            }
        }
        let end = match state.broker.record(held)? {
            Record::Message(message) => message.sequence,
            Record::Head { sequence, .. } => sequence + 1,
        };
        for row in &next.source.outbox {
            if row.sequence == tracker.scheduled() + 1 && row.sequence < end {
                tracker.schedule(*row);
            }
        }
        let answered = tracker.pending.len() > state.trackers[process].pending.len();
        if !answered && tracker.known == state.trackers[process].known {
            // Nothing that it did not know.
            return None;
        }
        tracker.held_at = None;
        tracker.read_to = held;
        Some(next)
    }

    /// One transaction: the watermark is compared and advanced, what is scheduled takes effect, the position follows.
    /// Somebody else having advanced the lane, the process begins anew from what the database says. When the answer to
    /// the commit is lost, the process knows of nothing and tries again.
    pub(super) fn apply(&self, state: &State, process: Process, answered: bool) -> Option<State> {
        let tracker = &state.trackers[process];
        let position = if self.lacks(Broken::PositionAtRead) { tracker.read_to } else { tracker.resume_at() };
        let last = tracker.pending.last().copied();
        let advanced = tracker.applied != state.inbox.watermark && !self.lacks(Broken::SkipWatermark);
        let nothing = last.is_none() && position == tracker.stored;
        let left_out = last.is_some() && advanced;
        if !tracker.active || nothing || (!answered && (last.is_none() || left_out)) {
            return None;
        }
        let mut next = state.clone();
        let (tracker, inbox) = (&mut next.trackers[process], &mut next.inbox);
        if left_out {
            *tracker = Tracker::load(inbox);
            return Some(next);
        }
        inbox.position = position;
        if let Some(last) = last {
            inbox.applied.extend(&tracker.pending);
            inbox.watermark = last.sequence;
            inbox.incarnation = Some(last.incarnation);
        }
        if answered {
            tracker.applied = tracker.scheduled();
            tracker.base = tracker.scheduled_in();
            tracker.pending.clear();
            tracker.stored = position;
        }
        Some(next)
    }

    /// A process learns that the partition is not its own any more.
    pub(super) fn leave(state: &State, process: Process) -> Option<State> {
        if !state.trackers[process].active || state.inbox.holder == process {
            return None;
        }
        let mut next = state.clone();
        next.trackers[process] = Tracker::default();
        Some(next)
    }
}
