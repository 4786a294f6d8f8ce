//! What goes wrong, a bounded number of times.

use clap::ValueEnum;

use super::{Broken, Lanes, Offset, Process, Relay, State, Tracker};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Fault {
    /// A transaction that has taken a sequence rolls back.
    Rollback,
    /// A process of the source is killed.
    Crash,
    /// The source's lease expires while its holder does not notice: it was paused, or cut off.
    Expiry,
    /// The holder gives the lease back, whatever its producer has on its way.
    HandOver,
    /// A producer fails and is rebuilt.
    Producer,
    /// An operator deletes a beginning of the log, read or unread.
    Deletion,
    /// The source's database goes on from a standby, which may lack the last commits.
    Failover,
    /// The consumer's lease goes to the other process while its holder does not notice.
    ConsumerExpiry,
    /// The owning process of the consumer is killed and begins again.
    ConsumerCrash,
    /// The consumer commits and does not get the answer.
    LostAnswer,
}

impl Lanes {
    pub(super) fn roll_back(state: &State, process: Process) -> Option<State> {
        state.source.taken[process]?;
        let mut next = state.clone();
        next.source.taken[process] = None;
        Some(next)
    }

    /// Its lease expires and another process starts in its place. What it had sent is lost, or only delayed.
    pub(super) fn crash(state: &State, process: Process, delayed: bool) -> Option<State> {
        let relay = &state.relays[process];
        let unsent = relay.in_flight.len() > usize::from(relay.appended);
        if (delayed && !unsent) || *relay == Relay::default() {
            return None;
        }
        let mut next = state.clone();
        let unsent = next.relays[process].drop_producer();
        if delayed {
            next.broker.delayed.extend(unsent);
        }
        next.relays[process] = Relay { incarnation: state.source.incarnation, ..Relay::default() };
        next.source.taken[process] = None;
        next.source.holder = next.source.holder.filter(|holder| *holder != process);
        Some(next)
    }

    pub(super) fn expire(state: &State) -> Option<State> {
        state.source.holder?;
        let mut next = state.clone();
        next.source.holder = None;
        Some(next)
    }

    pub(super) fn hand_over(state: &State) -> Option<State> {
        let holder = state.source.holder?;
        let mut next = state.clone();
        next.source.holder = None;
        next.relays[holder].owns = false;
        Some(next)
    }

    /// The next producer goes on behind the last message that was acknowledged.
    pub(super) fn fail_producer(&self, state: &State, process: Process, delayed: bool) -> Option<State> {
        let relay = &state.relays[process];
        let unsent = relay.in_flight.len() > usize::from(relay.appended);
        if relay.in_flight.is_empty() || (delayed && !unsent) {
            return None;
        }
        let mut next = state.clone();
        let relay = &mut next.relays[process];
        let unsent = relay.drop_producer();
        if !self.lacks(Broken::RebuildBehindFailed) {
            relay.enqueued = relay.acknowledged;
        }
        if delayed {
            next.broker.delayed.extend(unsent);
        }
        Some(next)
    }

    pub(super) fn delete(state: &State, before: Offset) -> State {
        let mut next = state.clone();
        next.broker.delete(before);
        next
    }

    /// The transactions that are open abort. Processes live on with what they know.
    pub(super) fn fail_over(state: &State, kept: u8) -> State {
        let mut next = state.clone();
        next.source.fail_over(usize::from(kept));
        next
    }

    pub(super) fn move_consumer(state: &State) -> State {
        let gainer = state.inbox.holder.other();
        let mut next = state.clone();
        next.inbox.holder = gainer;
        next.trackers[gainer] = Tracker::load(&next.inbox);
        next
    }

    pub(super) fn crash_consumer(state: &State) -> Option<State> {
        let begun = Tracker::load(&state.inbox);
        let holder = state.inbox.holder;
        if state.trackers[holder] == begun {
            return None;
        }
        let mut next = state.clone();
        next.trackers[holder] = begun;
        Some(next)
    }
}
