//! What flows between the services: what each one hears of another, with what the other says of it.

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_contracts::common::v1::{GetStatusResponse, HeardLane, HeardLaneState, SentLane};
use serde::{Serialize, Serializer};

use super::ask::Asked;

/// A lane on its way from its source to a service that hears it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Flow {
    pub(super) source: String,
    pub(super) reader: String,
    pub(super) topic: String,
    pub(super) partition: u32,
    #[serde(flatten)]
    pub(super) progress: Progress,
    /// How the reader says that it stands.
    #[serde(skip)]
    pub(super) heard: HeardLane,
}

/// How far messages have come, from where they are written to where they are applied.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Progress {
    /// The last sequence given out; `None` if the source has not told.
    pub(super) head: Option<i64>,
    /// The last sequence noted as published; `None` if the source has not told.
    pub(super) published: Option<i64>,
    pub(super) applied: i64,
    /// How many messages the reader has not applied; `None` if neither the source nor Kafka has told.
    pub(super) behind: Option<i64>,
    /// For how long the first of them has waited, as far as that is known; `None` if there is none.
    #[serde(rename = "oldest_seconds", serialize_with = "seconds")]
    pub(super) oldest: Option<Duration>,
}

/// All lanes of one topic from one source to one service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Route {
    pub(super) source: String,
    pub(super) reader: String,
    pub(super) topic: String,
    /// How many lanes there are.
    pub(super) lanes: usize,
    /// How many of them do not flow.
    pub(super) held: usize,
    /// In sum; the oldest of the lane whose first message has waited longest.
    #[serde(flatten)]
    pub(super) progress: Progress,
    /// Since the look before; `None` at the first one.
    pub(super) sent_a_second: Option<f64>,
    pub(super) applied_a_second: Option<f64>,
}

/// The lanes of every service that has told, in order of source, topic, reader and partition.
pub(super) fn all(asked: &[Asked]) -> Vec<Flow> {
    let told = || asked.iter().filter_map(|asked| asked.answer.as_ref().ok());
    let sent = sent(told());
    let waiting = waiting(told());
    let mut flows = Vec::new();
    for (reader, stored) in stored(told()) {
        for heard in &stored.heard_lanes {
            let sent = sent.get(&(heard.source.as_str(), heard.topic.as_str(), heard.partition)).copied();
            let waits = waiting.get(&(reader, heard.topic.as_str(), heard.partition)).copied();
            flows.push(Flow::of(reader, heard, sent, waits));
        }
    }
    flows.sort_by(|a, b| a.place().cmp(&b.place()));
    flows
}

/// What every replica of a service would say, of each service once.
pub(super) fn stored<'a>(
    told: impl Iterator<Item = &'a GetStatusResponse>,
) -> BTreeMap<&'a str, &'a bowline_contracts::common::v1::StoredStatus> {
    told.filter_map(|told| Some((told.service.as_str(), told.stored.as_ref()?))).collect()
}

type Place<'a> = (&'a str, &'a str, u32);

fn sent<'a>(told: impl Iterator<Item = &'a GetStatusResponse>) -> BTreeMap<Place<'a>, &'a SentLane> {
    let lanes = stored(told).into_iter().flat_map(|(source, stored)| {
        stored.sent_lanes.iter().map(move |lane| ((source, lane.topic.as_str(), lane.partition), lane))
    });
    lanes.collect()
}

/// By reader, topic and partition: how many records its replica has not applied, and for how long the first has waited.
fn waiting<'a>(
    told: impl Iterator<Item = &'a GetStatusResponse>,
) -> BTreeMap<Place<'a>, (i64, Option<Duration>)> {
    let records = told.flat_map(|told| {
        told.unapplied.iter().map(|records| {
            let place = (told.service.as_str(), records.topic.as_str(), records.partition);
            (place, (records.record_count, span(records.oldest_age.as_ref())))
        })
    });
    records.collect()
}

impl Flow {
    fn of(
        reader: &str,
        heard: &HeardLane,
        sent: Option<&SentLane>,
        waits: Option<(i64, Option<Duration>)>,
    ) -> Self {
        let applied = heard.watermark_sequence;
        // Services are not asked at the same moment: a reader may be ahead of what its source has told.
        let behind = match (sent, waits) {
            (Some(sent), _) => Some((sent.head_sequence - applied).max(0)),
            (None, Some((count, _))) => Some(count),
            (None, None) => None,
        };
        let unpublished = sent.and_then(|sent| span(sent.oldest_unpublished_age.as_ref()));
        let unapplied = waits.and_then(|(_, age)| age);
        let oldest = unpublished.max(unapplied).filter(|_| behind.is_none_or(|behind| behind > 0));
        Self {
            source: heard.source.clone(),
            reader: reader.to_owned(),
            topic: heard.topic.clone(),
            partition: heard.partition,
            progress: Progress {
                head: sent.map(|sent| sent.head_sequence),
                published: sent.map(|sent| sent.published_sequence),
                applied,
                behind,
                oldest,
            },
            heard: heard.clone(),
        }
    }

    /// Whether it takes what comes.
    pub(super) fn is_flowing(&self) -> bool {
        self.heard.state() == HeardLaneState::Flowing
    }

    /// As `bowline lanes` names it.
    pub(super) fn name(&self) -> String {
        let Self { reader, topic, partition, source, .. } = self;
        format!("{reader}/{topic}/{partition}/{source}")
    }

    fn place(&self) -> (&str, &str, &str, u32) {
        (&self.source, &self.topic, &self.reader, self.partition)
    }
}

impl Route {
    /// The sums over partitions of lanes that are in order.
    pub(super) fn all(flows: &[Flow]) -> Vec<Self> {
        let is_one_route = |a: &Flow, b: &Flow| {
            a.place().0 == b.place().0 && a.place().1 == b.place().1 && a.reader == b.reader
        };
        flows.chunk_by(is_one_route).map(Self::sum).collect()
    }

    /// Tells how fast these have moved in the time since they were as `before`.
    #[expect(clippy::cast_precision_loss, reason = "people read it")]
    pub(super) fn measure(routes: &mut [Self], before: &[Self], elapsed: Duration) {
        if elapsed.is_zero() {
            return;
        }
        let pace = |now: i64, then: i64| (now - then).max(0) as f64 / elapsed.as_secs_f64();
        for route in routes {
            let is_same = |other: &&Self| {
                (&other.source, &other.topic, &other.reader) == (&route.source, &route.topic, &route.reader)
            };
            if let Some(then) = before.iter().find(is_same) {
                let (now, then) = (&route.progress, &then.progress);
                route.sent_a_second = now.head.zip(then.head).map(|(now, then)| pace(now, then));
                route.applied_a_second = Some(pace(now.applied, then.applied));
            }
        }
    }

    /// How many messages are not noted as published, as far as that is known.
    pub(super) fn unpublished(&self) -> i64 {
        let Progress { head, published, .. } = self.progress;
        head.zip(published).map_or(0, |(head, published)| (head - published).max(0))
    }

    fn sum(flows: &[Flow]) -> Self {
        let first = &flows[0];
        let all = || flows.iter().map(|flow| &flow.progress);
        let total = |of: fn(&Progress) -> Option<i64>| all().map(of).sum::<Option<i64>>();
        Self {
            source: first.source.clone(),
            reader: first.reader.clone(),
            topic: first.topic.clone(),
            lanes: flows.len(),
            held: flows.iter().filter(|flow| !flow.is_flowing()).count(),
            progress: Progress {
                head: total(|lane| lane.head),
                published: total(|lane| lane.published),
                applied: all().map(|lane| lane.applied).sum(),
                behind: total(|lane| lane.behind),
                oldest: all().filter_map(|lane| lane.oldest).max(),
            },
            sent_a_second: None,
            applied_a_second: None,
        }
    }
}

/// A length of time as protobuf writes it.
pub(super) fn span(time: Option<&prost_types::Duration>) -> Option<Duration> {
    time.and_then(|time| Duration::try_from(*time).ok())
}

#[expect(clippy::ref_option, reason = "serde hands over what it has")]
fn seconds<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(to)
}
