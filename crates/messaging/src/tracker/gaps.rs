//! What is missing on the lanes, and how it is filled in by their sources.

use std::collections::BTreeMap;
use std::fmt;

use bowline_contracts::envelope::Envelope;
use bowline_contracts::topics::Topic;

use super::lane::Lane;
use super::{Assignment, Place, Tracker, Verdict};
use crate::inbox::InputId;

/// What a lane waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) input: InputId,
    pub(crate) topic: &'static Topic,
    pub(crate) partition: u16,
    pub(crate) source: String,
    /// The last sequence that is there.
    pub(crate) after: i64,
    /// The last sequence that is missing.
    pub(crate) up_to: i64,
    /// The last sequence that its source must have given out: of the message behind the gap, or of an announcement.
    pub(crate) seen: i64,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}: sequence {} of {}", self.topic.name, self.partition, self.after + 1, self.source)
    }
}

/// The lanes of one source on one topic, each with the last sequence that was taken into a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Followed {
    pub(crate) source: String,
    pub(crate) topic: &'static Topic,
    pub(crate) scheduled: BTreeMap<u16, i64>,
}

impl Tracker {
    /// What the lanes that hold messages back, or that end before their source says, are waiting for.
    pub(crate) fn missing(&self) -> Vec<Missing> {
        let lanes = self.places.iter().flat_map(|((_, partition), place)| {
            place.lanes.iter().filter_map(|lane| place.missing(*partition, lane))
        });
        let mut missing: Vec<Missing> = lanes.collect();
        missing.sort_unstable_by_key(|missing| (missing.topic.name, missing.partition, missing.input));
        missing
    }

    /// What this lane is waiting for.
    pub(crate) fn missing_of(&self, input: InputId) -> Option<Missing> {
        self.missing().into_iter().find(|missing| missing.input == input)
    }

    /// The last sequence of a lane that is committed.
    pub(crate) fn applied(&self, input: InputId) -> Option<i64> {
        self.lane(input).map(|lane| lane.applied)
    }

    /// The lane of a source.
    pub(crate) fn input(&self, topic: &Topic, partition: u16, source: &str) -> Option<InputId> {
        let place = self.places.get(&(topic.name, partition))?;
        place.lanes.iter().find(|lane| lane.source == source).map(|lane| lane.input)
    }

    /// Every lane that has not stopped, by source and topic.
    pub(crate) fn followed(&self) -> Vec<Followed> {
        let mut followed: Vec<Followed> = Vec::new();
        for ((_, partition), place) in &self.places {
            for lane in place.lanes.iter().filter(|lane| lane.stopped.is_none()) {
                let known = followed
                    .iter_mut()
                    .find(|known| known.source == lane.source && known.topic.name == place.topic.name);
                if let Some(known) = known {
                    known.scheduled.insert(*partition, lane.scheduled);
                } else {
                    let scheduled = BTreeMap::from([(*partition, lane.scheduled)]);
                    followed.push(Followed { source: lane.source.clone(), topic: place.topic, scheduled });
                }
            }
        }
        followed.sort_unstable_by(|a, b| (a.topic.name, &a.source).cmp(&(b.topic.name, &b.source)));
        followed
    }

    /// A source says how far it has published a lane.
    pub(crate) fn note_published(&mut self, topic: &Topic, partition: u16, source: &str, published: i64) {
        let place = self.places.get_mut(&(topic.name, partition));
        if let Some(lane) = place.and_then(|place| place.lanes.iter_mut().find(|lane| lane.source == source))
        {
            lane.published = published;
        }
    }

    /// The partitions with a lane of which more is published than has come: the rest is on its way, or lost.
    pub(crate) fn behind(&self) -> Vec<(&'static Topic, u16)> {
        let behind =
            |lane: &Lane| lane.moves() && lane.published > lane.scheduled && lane.waits_for().is_none();
        let mut places: Vec<(&'static Topic, u16)> = self
            .places
            .iter()
            .filter(|(_, place)| place.broken.is_none() && place.lanes.iter().any(behind))
            .map(|((_, partition), place)| (place.topic, *partition))
            .collect();
        places.sort_unstable_by_key(|(topic, partition)| (topic.name, *partition));
        places
    }

    /// The topic has nothing outside of `low` and before `high`. Once everything there has been read, what was published
    /// before that and has not come is lost.
    pub(crate) fn extends(&mut self, topic: &Topic, partition: u16, low: i64, high: i64) {
        let Some(place) = self.places.get_mut(&(topic.name, partition)) else { return };
        if place.read_to.max(low) < high {
            return;
        }
        for lane in place.lanes.iter_mut().filter(|lane| lane.published > lane.scheduled) {
            lane.lost = Some(lane.published);
        }
    }

    /// The topic has lost the position where reading goes on: its beginning, at `low`, is where to read now. What was
    /// known of offsets is forgotten, what is missing in between shows in the sequences. The second value is the position
    /// that was lost, unless nothing had been read.
    pub(crate) fn begin_at(
        &mut self,
        topic: &Topic,
        partition: u16,
        low: i64,
    ) -> Option<(Assignment, Option<i64>)> {
        let lost = self.places.get(&(topic.name, partition))?.read_to;
        let assignment = self.restart(topic, partition, low)?;
        Some((assignment, Some(lost).filter(|lost| *lost > 0)))
    }

    /// Takes a message that its source has brought; returns what to do with it and the offset that it stands for.
    pub(crate) fn heal(&mut self, input: InputId, envelope: &Envelope) -> (Verdict, i64) {
        for place in self.places.values_mut() {
            let read_to = place.read_to;
            if let Some(lane) = place.lanes.iter_mut().find(|lane| lane.input == input) {
                let offset = lane.held.map_or(read_to, |held| held.offset);
                let continues = envelope.sequence <= lane.scheduled + 1;
                let verdict = match &place.broken {
                    None if continues => lane.admit(offset, envelope),
                    // An answer to a question that is out of date.
                    _ => Verdict::Hold,
                };
                return (verdict, offset);
            }
        }
        (Verdict::Drop, 0)
    }

    /// Once nothing of the gap is missing any more: where what waited behind it is read again.
    pub(crate) fn close_gap(&mut self, input: InputId) -> Option<Assignment> {
        let ((_, partition), place) =
            self.places.iter().find(|(_, place)| place.lanes.iter().any(|lane| lane.input == input))?;
        let lane = place.lanes.iter().find(|lane| lane.input == input)?;
        let held = lane.held.filter(|_| lane.moves() && lane.waits_for().is_none())?;
        let (topic, partition) = (place.topic, *partition);
        self.reread(topic, partition, held.offset)
    }

    /// A lane stops for good. Nothing that is read of it from here on is passed by.
    pub(crate) fn stop_lane(&mut self, input: InputId, reason: &str) {
        for place in self.places.values_mut() {
            if let Some(lane) = place.lanes.iter_mut().find(|lane| lane.input == input) {
                lane.hold(place.read_to, lane.scheduled + 1);
                lane.stopped = Some(reason.to_owned());
            }
        }
    }
}

impl Place {
    fn missing(&self, partition: u16, lane: &Lane) -> Option<Missing> {
        let waits = lane.waits_for()?;
        Some(Missing {
            input: lane.input,
            topic: self.topic,
            partition,
            source: lane.source.clone(),
            after: lane.scheduled,
            up_to: waits.up_to,
            seen: waits.seen,
        })
    }
}
