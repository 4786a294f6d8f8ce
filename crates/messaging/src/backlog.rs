//! What a replica has not done yet: records on its inputs that are not applied, messages in its outbox that are not
//! published. Looked at now and then; nothing of it is needed for the work.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use bowline_contracts::topics::Topic;
use bowline_database::Database;
use bowline_kernel::error_text;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::Error;
use crate::inputs::Inputs;
use crate::lease::Owned;
use crate::overview::sent_lanes;

const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long Kafka may take to say where a topic ends.
const ENDS_WITHIN: Duration = Duration::from_secs(2);
/// So many ends of a partition are remembered; with more, every other one is forgotten.
const ENDS_MAX: usize = 128;

/// What was not done at the last look, in the partitions that this replica works on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Backlog {
    /// Records of the topics that it hears; those of which Kafka did not say where they end are left out.
    pub unapplied: Vec<Waiting>,
    /// Messages of the topics that it sends to.
    pub unpublished: Vec<Waiting>,
    /// How many transactions ago the oldest snapshot was taken that the database still has to serve; 0 before the first
    /// look. What has died since is kept, heads and watermarks among it, which every batch changes.
    pub oldest_snapshot: u64,
}

/// What waits in one partition of a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// The topic, without namespace.
    pub topic: String,
    /// The partition.
    pub partition: u16,
    /// How many.
    pub count: u64,
    /// For how long the first of them has waited.
    pub age: Duration,
}

/// Looks.
pub(crate) struct BacklogWatch {
    inputs: Inputs,
    hears: Vec<&'static Topic>,
    owned: watch::Receiver<Owned>,
    database: Database,
    seen: watch::Sender<Backlog>,
}

/// Where a partition was seen to end, and when, as far as reading has not come there.
#[derive(Debug, Default)]
struct Ends(VecDeque<(Instant, i64)>);

impl BacklogWatch {
    pub(crate) fn new(
        inputs: &Inputs,
        hears: &[&'static Topic],
        owned: &watch::Receiver<Owned>,
        database: &Database,
    ) -> (Self, watch::Receiver<Backlog>) {
        let (seen, backlog) = watch::channel(Backlog::default());
        let (inputs, hears) = (inputs.clone(), hears.to_vec());
        (Self { inputs, hears, owned: owned.clone(), database: database.clone(), seen }, backlog)
    }

    /// Looks until cancelled.
    pub(crate) async fn run(self, cancelled: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut ends = HashMap::new();
        loop {
            tokio::select! {
                () = cancelled.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let owned: BTreeSet<u16> = self.owned.borrow().keys().copied().collect();
            let unapplied = self.unapplied(&owned, &mut ends).await;
            let unpublished = self.unpublished(&owned).await.unwrap_or_else(|error| {
                tracing::debug!(error = error_text(&error), "it is not known what is unpublished");
                Vec::new()
            });
            let oldest_snapshot = self.oldest_snapshot().await.unwrap_or_else(|error| {
                tracing::debug!(error = error_text(&error), "it is not known what snapshots are held");
                0
            });
            self.seen.send_replace(Backlog { unapplied, unpublished, oldest_snapshot });
        }
    }

    async fn unapplied(
        &self,
        owned: &BTreeSet<u16>,
        ends: &mut HashMap<(&'static str, u16), Ends>,
    ) -> Vec<Waiting> {
        ends.retain(|(_, partition), _| owned.contains(partition));
        // Who works on nothing asks all the same: whether Kafka answers is of interest too.
        let any = BTreeSet::from([0]);
        let asked = if owned.is_empty() { &any } else { owned };
        let mut waiting = Vec::new();
        for topic in &self.hears {
            let answer = self.inputs.ends(topic, asked, ENDS_WITHIN).await;
            self.inputs.note_whether_kafka_answers(&answer);
            let last = match answer {
                Ok(last) => last,
                Err(error) => {
                    tracing::debug!(topic = topic.name, %error, "ends of the topic are not known");
                    // It would say as little about the other topics, as late.
                    if self.inputs.kafka_silence().is_some() {
                        break;
                    }
                    continue;
                }
            };
            let (progress, now) = (self.inputs.progress.borrow(), Instant::now());
            for (partition, end) in last {
                let name = (topic.name, partition);
                let Some(applied) = progress.get(&name) else { continue };
                let age = ends.entry(name).or_default().age(now, *applied, end);
                let count = u64::try_from(end - applied).unwrap_or(0);
                waiting.push(Waiting { topic: topic.name.to_owned(), partition, count, age });
            }
        }
        waiting
    }

    async fn unpublished(&self, owned: &BTreeSet<u16>) -> Result<Vec<Waiting>, Error> {
        let partitions: Vec<i16> = owned.iter().map(|partition| partition.cast_signed()).collect();
        let lanes = sent_lanes(&mut *self.database.acquire().await?, &partitions).await?;
        let waiting = lanes.into_iter().map(|lane| Waiting {
            count: lane.unpublished(),
            age: lane.oldest_unpublished.unwrap_or_default(),
            topic: lane.topic,
            partition: lane.partition,
        });
        Ok(waiting.collect())
    }

    /// Whoever holds it: every role may see the transaction of a session, though not what it does.
    async fn oldest_snapshot(&self) -> Result<u64, Error> {
        // Sessions that send to replicas have no database, and hold rows in all of them.
        let age = sqlx::query_scalar!(
            r#"SELECT greatest(
                   (SELECT max(age(backend_xmin)) FROM pg_stat_activity
                     WHERE datname = current_database() OR datname IS NULL),
                   (SELECT max(age(xmin)) FROM pg_replication_slots),
                   (SELECT max(age(transaction)) FROM pg_prepared_xacts WHERE database = current_database()),
                   0) AS "age!""#
        )
        .fetch_one(&mut *self.database.acquire().await?)
        .await?;
        Ok(u64::from(age.unsigned_abs()))
    }
}

impl Ends {
    /// How long ago the partition was first seen to end behind what is applied; zero if everything is.
    fn age(&mut self, now: Instant, applied: i64, end: i64) -> Duration {
        let Self(seen) = self;
        if seen.back().is_none_or(|(_, last)| *last < end) {
            seen.push_back((now, end));
        }
        if seen.len() > ENDS_MAX {
            let mut keep = false;
            seen.retain(|_| {
                keep = !keep;
                keep
            });
        }
        while seen.front().is_some_and(|(_, end)| *end <= applied) {
            seen.pop_front();
        }
        seen.front().map_or(Duration::ZERO, |(at, _)| now - *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Duration = Duration::from_secs(5);

    #[test]
    fn a_partition_is_as_late_as_the_first_end_that_it_has_not_reached() {
        let (mut ends, begun) = (Ends::default(), Instant::now());
        let mut look = |nth: u32, applied, end| ends.age(begun + LOOK * nth, applied, end);
        assert_eq!(look(0, 10, 10), Duration::ZERO);
        assert_eq!(look(1, 10, 20), Duration::ZERO, "it has just been seen");
        assert_eq!(look(2, 10, 30), LOOK);
        assert_eq!(look(3, 15, 40), LOOK * 2, "the twentieth still waits");
        assert_eq!(look(4, 20, 40), LOOK * 2, "the thirtieth was seen at the second look");
        assert_eq!(look(5, 40, 40), Duration::ZERO);
        assert_eq!(look(900, 40, 41), Duration::ZERO, "an idle partition is not late with its first message");
    }

    #[test]
    fn what_is_remembered_is_bounded_and_its_beginning_kept() {
        let (mut ends, begun) = (Ends::default(), Instant::now());
        for nth in 0..10_000_i32 {
            let now = begun + LOOK * nth.unsigned_abs();
            assert_eq!(ends.age(now, 0, i64::from(nth) + 1), now - begun);
        }
        assert!(ends.0.len() <= ENDS_MAX);
    }
}
