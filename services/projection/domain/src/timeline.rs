//! Every event of an order's saga, each in one line, causes before effects.

mod summary;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use bowline_kernel::EventId;
use chrono::{DateTime, Utc};

use crate::{PublicEvent, Source};

/// What the message that carries an event says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The event's id.
    pub event_id: EventId,
    /// The event's type, for example `bowline.inventory.v1.StockReserved`.
    pub event_type: String,
    /// The event or command that caused it; none when a request did.
    pub causation_id: Option<EventId>,
}

/// One event of an order's saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// The event's id: a timeline holds no id twice.
    pub event_id: EventId,
    /// The service that reported it.
    pub source: Source,
    /// The event's type, for example `bowline.inventory.v1.StockReserved`.
    pub event_type: String,
    /// The event or command that caused it; none when a request did.
    pub causation_id: Option<EventId>,
    /// When it happened, by that service's clock.
    pub event_time: DateTime<Utc>,
    /// What it says in one line, for people.
    pub summary: String,
    /// True when the event undoes something.
    pub compensation: bool,
    /// How often the payment provider was called for it; 0 for what needs no provider, and when nobody has counted.
    pub attempts: u32,
}

impl TimelineEntry {
    /// The entry of `event`, which came in `envelope`.
    pub fn new(envelope: Envelope, event: &PublicEvent) -> Self {
        Self {
            event_id: envelope.event_id,
            source: event.source(),
            event_type: envelope.event_type,
            causation_id: envelope.causation_id,
            event_time: event.happened_at(),
            summary: summary::of(event),
            compensation: event.is_compensation(),
            attempts: event.attempts(),
        }
    }
}

/// The entries in the order in which people read them: an effect never before its cause, otherwise by time, then by
/// id. The result does not depend on the order given. Of several entries with one id the first is kept. A cause that
/// is not among the entries holds nothing back; where causes run in a circle, the earliest entry of those left is
/// next.
pub fn order_timeline(entries: Vec<TimelineEntry>) -> Vec<TimelineEntry> {
    let mut waiting = HashMap::with_capacity(entries.len());
    for entry in entries {
        waiting.entry(entry.event_id).or_insert(entry);
    }
    let mut effects: HashMap<EventId, Vec<Rank>> = HashMap::new();
    let mut ready = BinaryHeap::new();
    let mut held = BTreeSet::new();
    for entry in waiting.values() {
        match entry.causation_id.filter(|cause| waiting.contains_key(cause)) {
            Some(cause) => {
                effects.entry(cause).or_default().push(rank(entry));
                held.insert(rank(entry));
            }
            None => ready.push(Reverse(rank(entry))),
        }
    }
    let mut ordered = Vec::with_capacity(waiting.len());
    while let Some(next) = ready.pop().map(|Reverse(next)| next).or_else(|| held.first().copied()) {
        held.remove(&next);
        let (_, id) = next;
        for effect in effects.remove(&id).unwrap_or_default() {
            // An effect that opened a circle has been shown already.
            if held.contains(&effect) {
                ready.push(Reverse(effect));
            }
        }
        ordered.extend(waiting.remove(&id));
    }
    ordered
}

/// By time, then by id.
type Rank = (DateTime<Utc>, EventId);

fn rank(entry: &TimelineEntry) -> Rank {
    (entry.event_time, entry.event_id)
}

#[cfg(test)]
mod tests;
