//! The relays of the source, and the broker.

use std::collections::BTreeSet;

use super::state::count;
use super::{Broken, IncarnationId, Lanes, Message, Offset, Process, Record, Sequence, State};

/// What a process of the source keeps of the lane, its producer included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Relay {
    /// It believes to hold the lease.
    pub owns: bool,
    /// The history that its counters belong to.
    pub incarnation: IncarnationId,
    /// Committed by this process and not yet looked at.
    pub offers: Vec<Message>,
    /// The last sequence handed to the producer.
    pub enqueued: Sequence,
    /// Handed to the producer and not yet acknowledged.
    pub in_flight: Vec<Message>,
    /// How many of those the broker has appended.
    pub appended: u8,
    /// The last sequence acknowledged.
    pub acknowledged: Sequence,
}

/// The log of the partition. What every reader is done with is kept as a set, so that runs which differ in
/// nothing else lead to one state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Broker {
    /// The records that somebody may still read; offsets count from the first of them.
    pub log: Vec<Record>,
    /// What lies before has been deleted.
    pub start: Offset,
    /// The messages that were ever appended.
    pub appended: BTreeSet<Message>,
    /// The last record, if it announces a head and has not been deleted.
    pub announced: Option<Record>,
    /// Sent by producers that are no more, and still on the way.
    pub delayed: Vec<Message>,
}

impl Broker {
    /// The record at an offset, if it has been appended.
    pub fn record(&self, offset: Offset) -> Option<Record> {
        self.log.get(usize::from(offset)).copied()
    }

    /// Forgets the first records.
    pub(super) fn forget(&mut self, records: Offset) {
        self.log.drain(..usize::from(records));
        self.start = self.start.saturating_sub(records);
    }

    fn append(&mut self, record: Record) {
        self.log.push(record);
        self.announced = match record {
            Record::Message(message) => {
                self.appended.insert(message);
                None
            }
            Record::Head { .. } => Some(record),
        };
    }

    /// Deletes what lies before an offset.
    pub(super) fn delete(&mut self, before: Offset) {
        self.start = before;
        self.announced = self.announced.filter(|_| before < count(&self.log));
    }
}

impl Relay {
    /// See [`State::rank`].
    pub(super) fn rank(&self) -> [u8; 5] {
        let acknowledged = u8::MAX - count(&self.in_flight);
        [self.incarnation, self.enqueued, u8::MAX - count(&self.offers), acknowledged, self.appended]
    }

    /// Hands a message to the producer. The same message and those before it, where they are still offered, will be
    /// passed over.
    fn send(&mut self, message: Message) {
        self.enqueued = message.sequence;
        self.in_flight.push(message);
        self.offers.retain(|offer| offer.sequence > message.sequence);
    }

    /// Gives the producer up; returns what it had sent and the broker has not appended yet.
    pub(super) fn drop_producer(&mut self) -> Vec<Message> {
        let unsent = self.in_flight.split_off(usize::from(self.appended));
        self.in_flight.clear();
        self.appended = 0;
        unsent
    }

    /// Begins in another history, behind what is noted there. What the old producer still has on its way counts no
    /// more: the same sequences mean other messages now.
    fn follow(&mut self, incarnation: IncarnationId, published: Sequence) -> Vec<Message> {
        let delayed = self.drop_producer();
        self.incarnation = incarnation;
        self.enqueued = published;
        self.acknowledged = published;
        delayed
    }
}

impl Lanes {
    /// The relay looks at what its own process has committed: it goes to the producer if it continues what is there,
    /// else it will be read from the outbox.
    pub(super) fn take_offer(&self, state: &State, process: Process) -> Option<State> {
        let relay = &state.relays[process];
        let message = *relay.offers.first()?;
        let known = relay.incarnation == message.incarnation || self.lacks(Broken::IgnoreFailover);
        let continues = message.sequence == relay.enqueued + 1;
        let mut next = state.clone();
        let relay = &mut next.relays[process];
        relay.offers.remove(0);
        if relay.owns && known && continues {
            relay.send(message);
        }
        Some(next)
    }

    /// The relay reads the next message from the outbox and hands it to the producer.
    pub(super) fn read_outbox(&self, state: &State, process: Process) -> Option<State> {
        let relay = &state.relays[process];
        let follows = relay.incarnation == state.source.incarnation || self.lacks(Broken::IgnoreFailover);
        if !relay.owns || !follows {
            return None;
        }
        let row = state.source.outbox.iter().find(|row| row.sequence > relay.enqueued)?;
        if row.sequence > relay.enqueued + 1 && !self.lacks(Broken::NumberBeforeCommit) {
            return None;
        }
        let mut next = state.clone();
        next.relays[process].send(*row);
        Some(next)
    }

    /// The broker appends what a producer has sent.
    pub(super) fn append(state: &State, process: Process) -> Option<State> {
        let relay = &state.relays[process];
        let message = *relay.in_flight.get(usize::from(relay.appended))?;
        let mut next = state.clone();
        next.relays[process].appended += 1;
        next.broker.append(Record::Message(message));
        Some(next)
    }

    /// The broker appends what a producer had sent that is no more.
    pub(super) fn append_delayed(state: &State) -> Option<State> {
        let message = *state.broker.delayed.first()?;
        let mut next = state.clone();
        next.broker.delayed.remove(0);
        next.broker.append(Record::Message(message));
        Some(next)
    }

    /// The producer learns that the broker has appended a message. They come in order, the producer being idempotent.
    pub(super) fn acknowledge(state: &State, process: Process) -> Option<State> {
        let relay = &state.relays[process];
        if relay.appended == 0 {
            return None;
        }
        let mut next = state.clone();
        let relay = &mut next.relays[process];
        relay.appended -= 1;
        let message = relay.in_flight.remove(0);
        relay.acknowledged = relay.acknowledged.max(message.sequence);
        Some(next)
    }

    /// The relay notes how far the lane is published; the database refuses what is said of another history. One that
    /// has lost its lease without noticing may do so too: what it says is true.
    pub(super) fn note(&self, state: &State, process: Process) -> Option<State> {
        let (relay, source) = (&state.relays[process], &state.source);
        let done =
            if self.lacks(Broken::NoteBeforeAcknowledged) { relay.enqueued } else { relay.acknowledged };
        let meant = source.is_recorded && relay.incarnation == source.incarnation;
        if !relay.owns || done <= source.published || !(meant || self.lacks(Broken::IgnoreFailover)) {
            return None;
        }
        let mut next = state.clone();
        next.source.published = done;
        Some(next)
    }

    /// Nothing is written any more and everything is acknowledged: the owner announces the head. Once is enough until
    /// something else is appended or deleted.
    pub(super) fn announce(&self, state: &State, process: Process) -> Option<State> {
        let (relay, source, broker) = (&state.relays[process], &state.source, &state.broker);
        let head = source.announcement()?;
        let on_way =
            state.relays.iter().any(|relay| !relay.in_flight.is_empty()) || !broker.delayed.is_empty();
        let settled = !on_way && relay.acknowledged >= source.head() && self.is_written(state);
        let owns = relay.owns && source.holder == Some(process);
        let announced = broker.announced == Some(head);
        if !owns || !settled || announced || self.lacks(Broken::AnnounceNothing) {
            return None;
        }
        let mut next = state.clone();
        next.broker.append(head);
        Some(next)
    }

    /// A process learns that the lease is not its own any more. What its producer has on its way stays there.
    pub(super) fn notice_loss(state: &State, process: Process) -> Option<State> {
        if !state.relays[process].owns || state.source.holder == Some(process) {
            return None;
        }
        let mut next = state.clone();
        next.relays[process].owns = false;
        Some(next)
    }

    /// A process claims the free lease and goes on behind what is noted as published, and behind what its producer has
    /// from an earlier ownership.
    pub(super) fn take_over(&self, state: &State, process: Process) -> Option<State> {
        if state.source.holder.is_some() {
            return None;
        }
        let mut next = state.clone();
        let (relay, source) = (&mut next.relays[process], &mut next.source);
        source.holder = Some(process);
        source.epoch += 1;
        if relay.owns {
            // It has not noticed that it had lost it.
            return Some(next);
        }
        relay.owns = true;
        let published = if self.lacks(Broken::TakeOverAtHead) { source.head() } else { source.published };
        if relay.incarnation != source.incarnation && !self.lacks(Broken::IgnoreFailover) {
            let delayed = relay.follow(source.incarnation, published);
            next.broker.delayed.extend(delayed);
        } else {
            relay.enqueued = relay.enqueued.max(published);
            relay.acknowledged = relay.acknowledged.max(published);
        }
        Some(next)
    }

    /// The owner sees that the database goes on in another history, and begins anew behind what is noted there.
    pub(super) fn follow_history(&self, state: &State, process: Process) -> Option<State> {
        let (relay, source) = (&state.relays[process], &state.source);
        let strange = source.is_recorded && relay.incarnation != source.incarnation;
        if !relay.owns || !strange || self.lacks(Broken::IgnoreFailover) {
            return None;
        }
        let mut next = state.clone();
        let delayed = next.relays[process].follow(source.incarnation, source.published);
        next.broker.delayed.extend(delayed);
        Some(next)
    }
}
