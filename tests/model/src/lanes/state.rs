//! Everything that the model keeps.

use std::fmt::{self, Debug};
use std::ops::{Index, IndexMut};

use super::{Broker, Inbox, Relay, Source, Tracker};

/// The place of a message in the lane: 1, 2, 3, …
pub type Sequence = u8;
/// A history of the source's database, counted from the root, which is 0.
pub type IncarnationId = u8;
/// The place of a record in the log.
pub type Offset = u8;

/// A message as it was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message {
    /// Its place.
    pub sequence: Sequence,
    /// The history in which the sequence was given.
    pub incarnation: IncarnationId,
    /// The commit that it comes from. No mechanism looks at it; it tells whether two messages are the same.
    pub id: u8,
}

/// What lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Record {
    /// A message of the lane.
    Message(Message),
    /// The announcement of the head of a quiet lane.
    Head {
        /// The last sequence given out.
        sequence: Sequence,
        /// The history in which it was given.
        incarnation: IncarnationId,
    },
}

impl Record {
    /// The sequence of the message, or of the head.
    pub fn sequence(&self) -> Sequence {
        match self {
            Self::Message(message) => message.sequence,
            Self::Head { sequence, .. } => *sequence,
        }
    }

    /// The history of that sequence.
    pub fn incarnation(&self) -> IncarnationId {
        match self {
            Self::Message(message) => message.incarnation,
            Self::Head { incarnation, .. } => *incarnation,
        }
    }
}

/// One of the two processes of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Process {
    /// The one that owns the lane at the beginning.
    A,
    /// The other one.
    B,
}

impl Process {
    /// Both of them.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The one that this one is not.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// Something that each of two processes has.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Pair<T>([T; 2]);

impl<T> Pair<T> {
    /// What `A` has and what `B` has.
    pub fn new(of_a: T, of_b: T) -> Self {
        Self([of_a, of_b])
    }

    /// What they have.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }
}

impl<T> Index<Process> for Pair<T> {
    type Output = T;

    fn index(&self, process: Process) -> &T {
        match process {
            Process::A => &self.0[0],
            Process::B => &self.0[1],
        }
    }
}

impl<T> IndexMut<Process> for Pair<T> {
    fn index_mut(&mut self, process: Process) -> &mut T {
        match process {
            Process::A => &mut self.0[0],
            Process::B => &mut self.0[1],
        }
    }
}

impl<T: Debug> Debug for Pair<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A moment of the lane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The source's database.
    pub source: Source,
    /// The relays of the source's processes.
    pub relays: Pair<Relay>,
    /// The log of the partition.
    pub broker: Broker,
    /// The consumer's database.
    pub inbox: Inbox,
    /// What the consumer's processes keep in memory.
    pub trackers: Pair<Tracker>,
    /// How many faults have happened.
    pub faults: u8,
}

/// How many there are; bounded by the number of messages and faults.
pub(super) fn count<T>(items: &[T]) -> u8 {
    u8::try_from(items.len()).expect("bounds are small")
}

impl State {
    /// Nothing written; `A` owns the lane on both sides.
    pub(super) fn initial() -> Self {
        let inbox = Inbox::new();
        let tracker = Tracker::load(&inbox);
        Self {
            source: Source::new(),
            relays: Pair::new(Relay { owns: true, ..Relay::default() }, Relay::default()),
            broker: Broker::default(),
            inbox,
            trackers: Pair::new(tracker, Tracker::default()),
            faults: 0,
        }
    }

    /// Forgets the records that no reader comes back to: the position is behind them, and they are applied or
    /// forgotten by their source.
    pub(super) fn forget_read(&mut self) {
        let start = self.broker.start;
        let active = self.trackers.iter().filter(|tracker| tracker.active);
        let needed = active.map(|tracker| tracker.first_needed(start));
        let needed = needed.min().unwrap_or(start).min(self.inbox.position.max(start));
        let read = &self.broker.log[..usize::from(needed)];
        let over = read.iter().take_while(|record| self.is_over(**record)).count();
        let over = u8::try_from(over).expect("bounds are small");
        self.broker.forget(over);
        self.inbox.position = self.inbox.position.saturating_sub(over);
        for process in Process::BOTH {
            self.trackers[process].shift(over);
        }
    }

    /// Whether a record is applied, or forgotten by its source.
    pub(super) fn is_over(&self, record: Record) -> bool {
        match record {
            Record::Message(message) => {
                self.inbox.applied.contains(&message) || !self.source.outbox.contains(&message)
            }
            Record::Head { sequence, incarnation } => {
                let given = self.source.outbox.get(usize::from(sequence) - 1);
                let forgotten = given.is_none_or(|message| message.incarnation != incarnation);
                sequence <= self.inbox.watermark || forgotten
            }
        }
    }

    /// What every step raises, compared from the left.
    pub fn rank(&self) -> Rank {
        let source = &self.source;
        let relays = Process::BOTH.map(|process| &self.relays[process]);
        let trackers = Process::BOTH.map(|process| &self.trackers[process]);
        let idle = relays.map(|relay| u8::from(!relay.owns));
        let away = trackers.map(|tracker| u8::from(!tracker.active));
        let end = count(&self.broker.log);
        (
            [self.faults, source.epoch, idle[0] + idle[1], away[0] + away[1]],
            [count(&source.incarnations), source.commits, source.open()],
            relays.map(Relay::rank),
            [
                u8::MAX - count(&self.broker.delayed),
                u8::from(self.broker.announced.is_some() && self.broker.announced == source.announcement()),
                source.published,
            ],
            trackers.map(|tracker| tracker.rank(end)),
        )
    }
}

/// See [`State::rank`]: faults, leases, and processes that have noticed the loss of theirs; what is written; what the
/// relays have taken, handed over and got acknowledged; what was on its way, announcements and notes; what the trackers
/// have applied, scheduled, learnt and read.
pub type Rank = ([u8; 4], [u8; 3], [[u8; 5]; 2], [u8; 3], [[u8; 6]; 2]);
