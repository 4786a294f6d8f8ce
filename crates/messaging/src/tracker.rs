//! What of the messages read may be applied: duplicates dropped, gaps held, foreign histories refused. Pure.

use std::collections::{BTreeMap, HashMap};

use bowline_contracts::envelope::Envelope;
use bowline_contracts::topics::Topic;

use self::lane::Lane;
use crate::batch::{PositionStep, Step};
use crate::inbox::{Incoming, InputId, Position};
use crate::inputs::Progress;

mod gaps;
mod histories;
mod history;
mod lane;

pub(crate) use self::gaps::{Followed, Missing};
pub(crate) use self::histories::{InDoubt, Standing, Standstill};
pub(crate) use self::history::{Forgotten, History, Link};

/// Follows every lane of the partitions that this process owns.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    places: HashMap<(&'static str, u16), Place>,
    /// What sources have told, by topic and source; kept for partitions that come back.
    histories: HashMap<(&'static str, String), History>,
    generations: u64,
}

/// A partition of an input topic.
#[derive(Debug)]
struct Place {
    topic: &'static Topic,
    position: i32,
    generation: u64,
    /// The offset behind the last message seen.
    read_to: i64,
    /// The position as the database has it.
    stored: i64,
    lanes: Vec<Lane>,
    /// A message of a source that is not registered, and what to say of it; nothing behind it is applied.
    broken: Option<(i64, String)>,
}

/// What is to be done with a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing: it is a duplicate, an announcement, or not ours any more.
    Drop,
    /// Apply it on this lane.
    Apply(InputId),
    /// Apply it on this lane, then read again from this offset: the messages behind the gap are still to be applied.
    ApplyAndReread(InputId, i64),
    /// Not now: an earlier message is missing.
    Hold,
    /// Not before its source has told its histories.
    Doubt,
    /// Never: the lane has stopped with this reason.
    Stop(String),
}

/// Where to read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) topic: &'static Topic,
    pub(crate) partition: u16,
    pub(crate) offset: i64,
    pub(crate) generation: u64,
}

impl Tracker {
    /// Begins to follow a partition; returns where to read.
    pub(crate) fn gain(&mut self, partition: u16, positions: Vec<Position>) -> Vec<Assignment> {
        let mut assignments = Vec::with_capacity(positions.len());
        for position in positions {
            self.generations += 1;
            let assignment = Assignment {
                topic: position.topic,
                partition,
                offset: position.next_offset,
                generation: self.generations,
            };
            let place = Place {
                topic: position.topic,
                position: position.row,
                generation: self.generations,
                read_to: position.next_offset,
                stored: position.next_offset,
                lanes: position.marks.into_iter().map(Lane::new).collect(),
                broken: None,
            };
            self.places.insert((position.topic.name, partition), place);
            self.remember(position.topic, partition);
            assignments.push(assignment);
        }
        assignments
    }

    /// Stops following a partition.
    pub(crate) fn lose(&mut self, partition: u16) -> Vec<(&'static Topic, u16)> {
        let lost: Vec<_> = self
            .places
            .iter()
            .filter(|((_, p), _)| *p == partition)
            .map(|(_, place)| (place.topic, partition))
            .collect();
        self.places.retain(|(_, p), _| *p != partition);
        lost
    }

    /// True if a record of this generation is still of interest.
    pub(crate) fn expects(&self, topic: &Topic, partition: u16, generation: u64) -> bool {
        self.places.get(&(topic.name, partition)).is_some_and(|place| place.generation == generation)
    }

    /// Decides what is to be done with a message that [`Tracker::expects`].
    pub(crate) fn receive(
        &mut self,
        topic: &Topic,
        partition: u16,
        offset: i64,
        envelope: &Envelope,
    ) -> Verdict {
        let Some(place) = self.places.get_mut(&(topic.name, partition)) else { return Verdict::Drop };
        place.read_to = place.read_to.max(offset + 1);
        if place.broken.is_some() {
            return Verdict::Hold;
        }
        let Some(lane) = place.lanes.iter_mut().find(|lane| lane.source == envelope.source) else {
            let reason = format!("source {} is not registered for this topic", envelope.source);
            place.broken = Some((offset, reason.clone()));
            return Verdict::Stop(reason);
        };
        lane.receive(offset, envelope)
    }

    /// A record that says nothing to any lane has been read. If it was one of ours once, a sequence is missing now.
    pub(crate) fn pass(&mut self, topic: &Topic, partition: u16, offset: i64) {
        if let Some(place) = self.places.get_mut(&(topic.name, partition)) {
            place.read_to = place.read_to.max(offset + 1);
        }
    }

    /// Reads a partition again from `offset`, or from where another of its lanes holds messages back if that lies before.
    /// What was read and not scheduled is forgotten.
    pub(crate) fn reread(&mut self, topic: &Topic, partition: u16, offset: i64) -> Option<Assignment> {
        let place = self.places.get(&(topic.name, partition))?;
        let waiting = place.lanes.iter().filter(|lane| lane.moves());
        let held = waiting.filter_map(|lane| lane.held.map(|held| held.offset));
        let from = held.fold(offset, i64::min);
        self.restart(topic, partition, from)
    }

    fn restart(&mut self, topic: &Topic, partition: u16, offset: i64) -> Option<Assignment> {
        let place = self.places.get_mut(&(topic.name, partition))?;
        self.generations += 1;
        place.generation = self.generations;
        place.read_to = offset;
        for lane in &mut place.lanes {
            lane.held = lane.held.filter(|_| !lane.moves());
        }
        Some(Assignment { topic: place.topic, partition, offset, generation: self.generations })
    }

    /// The lane stops in front of a scheduled message that cannot be applied; those before it still can.
    pub(crate) fn stop(&mut self, message: &Incoming, reason: &str) {
        if let Some(lane) = self.lane_mut(message.input) {
            lane.stopped = Some(reason.to_owned());
            lane.hold(message.offset, message.envelope.sequence);
            lane.scheduled = message.envelope.sequence - 1;
        }
    }

    /// How far the lanes advance when `messages` (a beginning of what is scheduled of each lane) are applied: one step
    /// for each lane that moves, ascending.
    pub(crate) fn steps(&self, messages: &[Incoming]) -> Vec<Step> {
        let mut steps: BTreeMap<InputId, Step> = BTreeMap::new();
        for message in messages {
            let (input, to) = (message.input, message.envelope.sequence);
            let incarnation = message.envelope.incarnation;
            if let Some(step) = steps.get_mut(&input) {
                (step.to, step.incarnation) = (to, incarnation);
            } else if let Some(lane) = self.lane(input) {
                let (from, from_incarnation) = (lane.applied, lane.applied_in);
                steps.insert(input, Step { input, from, from_incarnation, to, incarnation });
            }
        }
        steps.into_values().collect()
    }

    fn lane(&self, input: InputId) -> Option<&Lane> {
        self.places.values().flat_map(|place| &place.lanes).find(|lane| lane.input == input)
    }

    fn lane_mut(&mut self, input: InputId) -> Option<&mut Lane> {
        self.places.values_mut().flat_map(|place| &mut place.lanes).find(|lane| lane.input == input)
    }

    /// Where reading goes on when everything scheduled is applied, for each partition where that has changed.
    pub(crate) fn positions(&self) -> Vec<PositionStep> {
        let mut steps: Vec<PositionStep> = self
            .places
            .values()
            .filter(|place| place.resume_at() != place.stored)
            .map(|place| PositionStep {
                position: place.position,
                next_offset: place.resume_at(),
                inputs: place.lanes.iter().map(|lane| lane.input).collect(),
            })
            .collect();
        steps.sort_unstable_by_key(|step| step.position);
        steps
    }

    /// The steps and positions have been committed.
    pub(crate) fn confirm(&mut self, steps: &[Step], positions: &[PositionStep]) {
        for place in self.places.values_mut() {
            if let Some(step) = positions.iter().find(|step| step.position == place.position) {
                place.stored = step.next_offset;
            }
            for lane in &mut place.lanes {
                if let Some(step) = steps.iter().find(|step| step.input == lane.input) {
                    (lane.applied, lane.applied_in) = (step.to, Some(step.incarnation));
                }
            }
        }
    }

    /// The partitions with a lane that has one of `inputs`.
    pub(crate) fn partitions_of(&self, inputs: impl Fn(InputId) -> bool) -> Vec<u16> {
        let mut partitions: Vec<u16> = self
            .places
            .iter()
            .filter(|(_, place)| place.lanes.iter().any(|lane| inputs(lane.input)))
            .map(|((_, partition), _)| *partition)
            .collect();
        partitions.sort_unstable();
        partitions.dedup();
        partitions
    }

    /// The lanes and partitions that have stopped, each with its reason.
    pub(crate) fn stopped(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for ((topic, partition), place) in &self.places {
            texts.extend(place.lanes.iter().filter_map(|lane| {
                let (reason, source, behind) = (lane.stopped.as_ref()?, &lane.source, lane.scheduled);
                Some(format!("{topic}/{partition}: {source} behind sequence {behind}: {reason}"))
            }));
        }
        texts.extend(self.places.iter().filter_map(|((topic, partition), place)| {
            let (offset, reason) = place.broken.as_ref()?;
            Some(format!("{topic}/{partition}: every source from offset {offset}: {reason}"))
        }));
        texts.sort_unstable();
        texts
    }

    /// How far each partition is applied, when `pending` is all that is scheduled and not applied.
    pub(crate) fn progress(&self, pending: &[Incoming]) -> Progress {
        let mut progress: Progress =
            self.places.iter().map(|(place, state)| (*place, state.resume_at())).collect();
        for message in pending {
            if let Some(offset) = progress.get_mut(&(message.topic.name, message.partition)) {
                *offset = message.offset.min(*offset);
            }
        }
        progress
    }

    /// The stored positions, for the consumer group that tools look at.
    pub(crate) fn stored(&self) -> Vec<(&'static Topic, u16, i64)> {
        self.places.iter().map(|((_, partition), place)| (place.topic, *partition, place.stored)).collect()
    }
}

impl Place {
    /// Never past a message that is not applied, of any source.
    fn resume_at(&self) -> i64 {
        let held = self.lanes.iter().filter_map(|lane| lane.held.map(|held| held.offset));
        let broken = self.broken.as_ref().map(|(offset, _)| *offset);
        held.chain(broken).min().unwrap_or(self.read_to)
    }
}

#[cfg(test)]
#[path = "tracker/tests.rs"]
mod tests;

#[cfg(test)]
#[path = "tracker/history_tests.rs"]
mod history_tests;
