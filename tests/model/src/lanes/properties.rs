//! What must hold, and what must happen somewhere.

use stateright::{Expectation, Property as Checked};

use super::{Lanes, Message, Process, State};

/// What is checked of every state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Property {
    /// What is applied is a beginning of what was committed in one history: in order, each message once.
    Applied,
    /// What is in the log was committed.
    Published,
    /// What is noted as published is in the log.
    Noted,
    /// The position is not behind a message that is neither applied nor forgotten by its source.
    Position,
    /// A lane stops only when it has applied what its source has forgotten.
    Stopped,
    /// In the end everything committed is in the log.
    AllPublished,
    /// In the end everything committed is applied, or the lane has stopped.
    AllApplied,
    /// Somewhere a lane goes on behind a failover.
    Survives,
    /// Somewhere a lane stops behind a failover.
    Stops,
    /// Somewhere the broker appends what a process publishes that does not hold the lease.
    Intrudes,
}

impl Property {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Applied,
        Self::Published,
        Self::Noted,
        Self::Position,
        Self::Stopped,
        Self::AllPublished,
        Self::AllApplied,
        Self::Survives,
        Self::Stops,
        Self::Intrudes,
    ];

    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Applied => "what is applied is a beginning of one history, in order, each message once",
            Self::Published => "what is in the log was committed",
            Self::Noted => "what is noted as published is in the log",
            Self::Position => "the position passes nothing that is not applied",
            Self::Stopped => "a lane stops only over what its source has forgotten",
            Self::AllPublished => "in the end everything committed is in the log",
            Self::AllApplied => "in the end everything committed is applied, or the lane has stopped",
            Self::Survives => "somewhere a lane goes on behind a failover",
            Self::Stops => "somewhere a lane stops behind a failover",
            Self::Intrudes => "somewhere a process publishes without holding the lease",
        }
    }

    /// Whether it must hold in every state, and not only happen in one.
    pub fn is_invariant(self) -> bool {
        match self {
            Self::Applied
            | Self::Published
            | Self::Noted
            | Self::Position
            | Self::Stopped
            | Self::AllPublished
            | Self::AllApplied => true,
            Self::Survives | Self::Stops | Self::Intrudes => false,
        }
    }

    pub(super) fn checked(self) -> Checked<Lanes> {
        let condition: fn(&Lanes, &State) -> bool = match self {
            Self::Applied => applied,
            Self::Published => published,
            Self::Noted => noted,
            Self::Position => position,
            Self::Stopped => stopped,
            Self::AllPublished => all_published,
            Self::AllApplied => all_applied,
            Self::Survives => survives,
            Self::Stops => stops,
            Self::Intrudes => intrudes,
        };
        let expectation = if self.is_invariant() { Expectation::Always } else { Expectation::Sometimes };
        Checked { expectation, name: self.text(), condition }
    }
}

/// The histories of the source: the one that it has now, and those that failovers have cut.
fn histories(state: &State) -> impl Iterator<Item = &Vec<Message>> {
    std::iter::once(&state.source.outbox).chain(&state.source.forgotten)
}

fn applied(_: &Lanes, state: &State) -> bool {
    histories(state).any(|history| history.starts_with(&state.inbox.applied))
}

fn published(_: &Lanes, state: &State) -> bool {
    state.broker.appended.iter().all(|message| histories(state).any(|history| history.contains(message)))
}

fn noted(_: &Lanes, state: &State) -> bool {
    let noted = state.source.outbox.get(..usize::from(state.source.published));
    noted.is_some_and(|messages| messages.iter().all(|message| state.broker.appended.contains(message)))
}

fn position(_: &Lanes, state: &State) -> bool {
    let passed = state.broker.start..state.inbox.position;
    passed.into_iter().filter_map(|offset| state.broker.record(offset)).all(|record| state.is_over(record))
}

fn has_applied_forgotten(state: &State) -> bool {
    !state.source.outbox.starts_with(&state.inbox.applied)
}

fn stopped(_: &Lanes, state: &State) -> bool {
    Process::BOTH.into_iter().all(|process| {
        let tracker = &state.trackers[process];
        // What is pending may be what is forgotten; it will be applied, or give way to what somebody else has.
        !tracker.stopped || !tracker.pending.is_empty() || has_applied_forgotten(state)
    })
}

fn all_published(lanes: &Lanes, state: &State) -> bool {
    state.source.outbox.iter().all(|message| state.broker.appended.contains(message))
        || !lanes.is_final(state)
}

fn all_applied(lanes: &Lanes, state: &State) -> bool {
    state.trackers[state.inbox.holder].stopped
        || state.inbox.applied.starts_with(&state.source.outbox)
        || !lanes.is_final(state)
}

fn survives(_: &Lanes, state: &State) -> bool {
    let goes_on = state.inbox.incarnation.is_some_and(|incarnation| incarnation > 0);
    goes_on && !state.source.forgotten.is_empty()
}

fn stops(_: &Lanes, state: &State) -> bool {
    state.trackers[state.inbox.holder].stopped
}

fn intrudes(_: &Lanes, state: &State) -> bool {
    let intruder = Process::BOTH.into_iter().find(|process| state.source.holder == Some(process.other()));
    intruder.is_some_and(|process| state.relays[process].owns && state.relays[process].appended > 0)
}
