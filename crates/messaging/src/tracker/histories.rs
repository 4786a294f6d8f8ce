//! What the sources tell of their histories, and how the lanes stand.

use bowline_contracts::topics::Topic;
use uuid::Uuid;

use super::history::{Forgotten, History};
use super::lane::Lane;
use super::{Assignment, Place, Tracker};
use crate::inbox::{Incoming, InputId};

/// A lane that waits for its source to tell its histories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InDoubt {
    pub(crate) input: InputId,
    pub(crate) topic: &'static Topic,
    pub(crate) source: String,
    /// The lane, and how far it has come.
    pub(crate) name: String,
    /// The source has told its histories, and the one that is asked about is not among them.
    pub(crate) is_denied: bool,
    /// Why it waits.
    pub(crate) reason: String,
}

/// A lane that does not flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) input: InputId,
    pub(crate) state: Standstill,
    /// Why, for an operator.
    pub(crate) reason: String,
}

/// What a lane that does not flow waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standstill {
    /// For these messages.
    Missing { first: i64, last: i64 },
    /// For its source to tell its histories.
    Doubt,
    /// For an operator to accept what the source has forgotten.
    Forgotten(Forgotten),
    /// For an operator.
    Stopped,
}

impl Tracker {
    /// The lanes that wait for their sources to tell their histories.
    pub(crate) fn in_doubt(&self) -> Vec<InDoubt> {
        let mut in_doubt = Vec::new();
        for ((topic, partition), place) in &self.places {
            for lane in place.lanes.iter().filter(|lane| lane.stopped.is_none()) {
                if let Some((is_denied, reason)) = lane.doubts() {
                    let (input, source) = (lane.input, lane.source.clone());
                    let name = format!("{topic}/{partition}: {source} behind sequence {}", lane.scheduled);
                    in_doubt.push(InDoubt { input, topic: place.topic, source, name, is_denied, reason });
                }
            }
        }
        in_doubt.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        in_doubt
    }

    /// True unless it is known that this is the present history of the source.
    pub(crate) fn is_news(&self, topic: &Topic, source: &str, incarnation: Uuid) -> bool {
        let known = self.histories.get(&(topic.name, source.to_owned()));
        known.is_none_or(|history| history.current() != incarnation)
    }

    /// A source has told its histories. Returns where to read again, and the lanes that have stopped for it. Those that
    /// are in doubt about a history that it does not have stay so.
    pub(crate) fn learn(
        &mut self,
        topic: &'static Topic,
        source: &str,
        history: History,
    ) -> (Vec<Assignment>, Vec<Standing>) {
        let key = (topic.name, source.to_owned());
        let is_news = self.histories.get(&key) != Some(&history);
        let (mut again, mut stopped) = (Vec::new(), Vec::new());
        for ((_, partition), place) in self.places.iter_mut().filter(|((name, _), _)| *name == topic.name) {
            let read_to = place.read_to;
            for lane in place.lanes.iter_mut().filter(|lane| lane.source == source && lane.stopped.is_none())
            {
                let waited = lane.doubt.is_some();
                lane.learn(history.of(*partition));
                if lane.stopped.is_some() {
                    lane.hold(read_to, lane.scheduled + 1);
                    stopped.extend(lane.standing());
                } else if lane.moves() && (waited || is_news) {
                    // What was held may be forgotten, or be what was waited for.
                    again.extend(lane.held.map(|held| (*partition, held.offset)));
                }
            }
        }
        self.histories.insert(key, history);
        let again = again.into_iter().filter_map(|(partition, offset)| self.reread(topic, partition, offset));
        (again.collect(), stopped)
    }

    /// What was told before holds for the lanes of a partition that is begun with.
    pub(super) fn remember(&mut self, topic: &'static Topic, partition: u16) {
        let Some(place) = self.places.get_mut(&(topic.name, partition)) else { return };
        for lane in &mut place.lanes {
            if let Some(history) = self.histories.get(&(topic.name, lane.source.clone())) {
                lane.learn(history.of(partition));
                if lane.stopped.is_some() {
                    lane.hold(place.read_to, lane.scheduled + 1);
                }
            }
        }
    }

    /// Takes back what is scheduled if its source does not have it; true if this is one of those messages.
    pub(crate) fn take_back_forgotten(&mut self, message: &Incoming) -> bool {
        let Some(lane) = self.lane_mut(message.input) else { return false };
        let sequence = message.envelope.sequence;
        // What is scheduled behind such a message goes with it.
        let forgotten = sequence > lane.scheduled || !lane.has(message.envelope.incarnation, sequence);
        if forgotten {
            lane.scheduled = lane.scheduled.min(sequence - 1);
        }
        forgotten
    }

    /// How the lanes stand that do not flow, ascending.
    pub(crate) fn standing(&self) -> Vec<Standing> {
        let mut standing: Vec<Standing> = self.places.values().flat_map(Place::standing).collect();
        standing.sort_unstable_by_key(|standing| standing.input);
        standing
    }

    /// The lanes that have stopped, each with its watermark as it knows it.
    pub(crate) fn stopped_marks(&self) -> Vec<(InputId, i64, Option<Uuid>)> {
        let lanes = self.places.values().flat_map(|place| &place.lanes);
        let stopped = lanes.filter(|lane| lane.stopped.is_some());
        stopped.map(|lane| (lane.input, lane.applied, lane.applied_in)).collect()
    }
}

impl Place {
    fn standing(&self) -> Vec<Standing> {
        let broken = self.broken.as_ref().map(|(_, reason)| reason);
        let lanes = self.lanes.iter().filter_map(|lane| {
            let broken = broken.map(|reason| Standing {
                input: lane.input,
                state: Standstill::Stopped,
                reason: reason.clone(),
            });
            lane.standing().or(broken)
        });
        lanes.collect()
    }
}

impl Lane {
    fn standing(&self) -> Option<Standing> {
        let input = self.input;
        if let Some(reason) = self.stopped.clone() {
            let state = self.forgotten.map_or(Standstill::Stopped, Standstill::Forgotten);
            return Some(Standing { input, state, reason });
        }
        if let Some((_, reason)) = self.doubts() {
            return Some(Standing { input, state: Standstill::Doubt, reason });
        }
        let lack = self.waits_for()?;
        let state = Standstill::Missing { first: self.scheduled + 1, last: lack.up_to };
        Some(Standing { input, state, reason: "messages are missing".to_owned() })
    }
}
