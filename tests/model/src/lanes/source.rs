//! The source's database: heads, outbox, incarnations, lease.

use super::state::count;
use super::{Broken, IncarnationId, Lanes, Message, Pair, Process, Record, Sequence, State};

/// The source's database.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// What is committed, by sequence.
    pub outbox: Vec<Message>,
    /// The sequence that each process's open transaction has taken.
    pub taken: Pair<Option<Sequence>>,
    /// How many transactions were ever committed.
    pub commits: u8,
    /// The history that sequences are given in.
    pub incarnation: IncarnationId,
    /// Whether that history is the one of the database as it is now; if not, nothing is numbered.
    pub is_recorded: bool,
    /// Every history that was ever recorded, by id, those that a failover lost included.
    pub incarnations: Vec<Incarnation>,
    /// How far the lane is noted as published.
    pub published: Sequence,
    /// Who holds the lease, unless it has expired or was given back.
    pub holder: Option<Process>,
    /// How often the lease was claimed.
    pub epoch: u8,
    /// The outboxes as they were before commits of them were lost. No mechanism looks at them.
    pub forgotten: Vec<Vec<Message>>,
}

/// A history of the source's database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Incarnation {
    /// The history that it goes on from.
    pub parent: Option<IncarnationId>,
    /// The last sequence of that history that it knows.
    pub start: Sequence,
}

/// How far the messages of one history belong to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// It is the same history.
    Whole,
    /// It is an ancestor, whose later messages are forgotten.
    UpTo(Sequence),
    /// It is neither.
    Foreign,
}

impl Extent {
    /// Whether the message with this sequence belongs.
    pub fn holds(self, sequence: Sequence) -> bool {
        match self {
            Self::Whole => true,
            Self::UpTo(last) => sequence <= last,
            Self::Foreign => false,
        }
    }
}

impl Source {
    pub(super) fn new() -> Self {
        Self {
            outbox: Vec::new(),
            taken: Pair::default(),
            commits: 0,
            incarnation: 0,
            is_recorded: true,
            incarnations: vec![Incarnation { parent: None, start: 0 }],
            published: 0,
            holder: Some(Process::A),
            epoch: 1,
            forgotten: Vec::new(),
        }
    }

    /// The last sequence given out.
    pub fn head(&self) -> Sequence {
        self.outbox.last().map_or(0, |message| message.sequence)
    }

    /// What its relays announce when the lane is quiet; a lane that has said nothing has nothing to announce.
    pub fn announcement(&self) -> Option<Record> {
        let last = self.outbox.last()?;
        Some(Record::Head { sequence: last.sequence, incarnation: last.incarnation })
    }

    /// How far the messages of `history` belong to `descendant`.
    pub fn extent(&self, history: IncarnationId, descendant: IncarnationId) -> Extent {
        if history == descendant {
            return Extent::Whole;
        }
        let mut child = self.incarnations[usize::from(descendant)];
        while let Some(parent) = child.parent {
            if parent == history {
                return Extent::UpTo(child.start);
            }
            child = self.incarnations[usize::from(parent)];
        }
        Extent::Foreign
    }

    /// How many transactions have taken a sequence and not ended.
    pub(super) fn open(&self) -> u8 {
        self.taken.iter().map(|taken| u8::from(taken.is_some())).sum()
    }

    /// The database goes on from `kept` commits.
    pub(super) fn fail_over(&mut self, kept: usize) {
        if kept < self.outbox.len() {
            self.forgotten.push(self.outbox.clone());
            self.outbox.truncate(kept);
        }
        self.taken = Pair::default();
        self.published = self.published.min(self.head());
        while let Incarnation { parent: Some(parent), start } =
            self.incarnations[usize::from(self.incarnation)]
            && start > self.head()
        {
            self.incarnation = parent;
        }
        self.is_recorded = false;
    }
}

impl Lanes {
    /// A transaction takes the next sequence. It holds the head from there to the end of its commit.
    pub(super) fn number(&self, state: &State, process: Process) -> Option<State> {
        let source = &state.source;
        let free = self.lacks(Broken::NumberBeforeCommit) || source.taken[process.other()].is_none();
        let wanted = source.commits + source.open() < self.bounds.messages;
        if source.taken[process].is_some() || !source.is_recorded || !free || !wanted {
            return None;
        }
        let last = source.taken.iter().flatten().copied().max().unwrap_or(0).max(source.head());
        let mut next = state.clone();
        next.source.taken[process] = Some(last + 1);
        if self.lacks(Broken::OfferBeforeCommit) && next.relays[process].owns {
            let message = Message { sequence: last + 1, incarnation: source.incarnation, id: source.commits };
            next.relays[process].offers.push(message);
        }
        Some(next)
    }

    /// The transaction commits, and its process offers the message to its own relay.
    pub(super) fn commit(state: &State, process: Process) -> Option<State> {
        let sequence = state.source.taken[process]?;
        let mut next = state.clone();
        let source = &mut next.source;
        source.taken[process] = None;
        let message = Message { sequence, incarnation: source.incarnation, id: source.commits };
        source.commits += 1;
        let place = source.outbox.partition_point(|earlier| earlier.sequence < sequence);
        source.outbox.insert(place, message);
        let relay = &mut next.relays[process];
        if relay.owns {
            relay.offers.push(message);
        }
        Some(next)
    }

    /// After a failover: a child of the last history is recorded, that starts behind the head.
    pub(super) fn record_incarnation(&self, state: &State) -> Option<State> {
        if state.source.is_recorded {
            return None;
        }
        let mut next = state.clone();
        let source = &mut next.source;
        source.is_recorded = true;
        if !self.lacks(Broken::ReuseIncarnation) {
            let child = Incarnation { parent: Some(source.incarnation), start: source.head() };
            source.incarnation = count(&source.incarnations);
            source.incarnations.push(child);
        }
        Some(next)
    }

    /// Everything is written: the lane is quiet from now on.
    pub(super) fn is_written(&self, state: &State) -> bool {
        state.source.commits == self.bounds.messages && state.source.is_recorded
    }
}
