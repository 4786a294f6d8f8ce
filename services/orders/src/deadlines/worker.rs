//! Looks for deadlines that are due, and has the executor act on them.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use bowline_database::Database;
use bowline_kernel::{Clock, error_text};
use bowline_messaging::{Commands, Owned};
use bowline_orders_domain::Awaited;
use bowline_traces::{Kind, Span, follow};
use chrono::{DateTime, Utc};
use futures::future::join_all;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{DeadlineSettings, Ways};
use crate::app::command::{Command, Expiry};
use crate::app::reply::{Expired, Reply};
use crate::app::sagas::{Pending, Sagas};
use crate::infra::deadlines::{self, Group};

/// What a worker stands on.
pub struct DeadlineParts {
    /// The database with the deadlines.
    pub database: Database,
    /// Where deadlines take effect.
    pub commands: Commands<Command, Reply>,
    /// What this replica holds.
    pub owned: watch::Receiver<Owned>,
    /// Whether the ways of the steps are clear.
    pub ways: Ways,
    /// The clock by which deadlines were set.
    pub clock: Arc<dyn Clock>,
    /// Told how many orders are pending.
    pub sagas: Sagas,
}

/// Looks after the deadlines in the partitions that are held.
pub struct DeadlineWorker {
    settings: DeadlineSettings,
    parts: DeadlineParts,
    held: BTreeMap<u16, Held>,
    /// Since when the way of a group has been seen clear without a break.
    clear_since: BTreeMap<Group, DateTime<Utc>>,
    /// What was last said to be in the way.
    obstacles: BTreeMap<Awaited, String>,
}

/// A partition as long as one lease of it lasts.
struct Held {
    epoch: i64,
    since: DateTime<Utc>,
}

/// What one round led to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Orders that were given up.
    pub cancelled: usize,
    /// Deadlines that came too late for their order.
    pub out_of_date: usize,
    /// Deadlines that could not take effect now; they come again.
    pub failed: usize,
}

impl DeadlineWorker {
    /// A worker that holds nothing yet.
    pub fn new(settings: DeadlineSettings, parts: DeadlineParts) -> Self {
        let (held, clear_since, obstacles) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { settings, parts, held, clear_since, obstacles }
    }

    /// Works until `stopping`; what is not done then is done by whoever holds the partitions next.
    pub async fn run(mut self, stopping: CancellationToken) -> Result<(), Infallible> {
        let mut ticks = tokio::time::interval(self.settings.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let work = async {
            loop {
                ticks.tick().await;
                if let Err(error) = self.round().await {
                    tracing::warn!(error = error_text(&error), "deadlines cannot be read, trying again");
                }
            }
        };
        stopping.run_until_cancelled(work).await.unwrap_or(Ok(()))
    }

    /// Looks once, and acts on all that may take effect.
    pub async fn round(&mut self) -> Result<Round, bowline_event_store::Error> {
        let now = self.parts.clock.now();
        self.follow_leases(now);
        let groups = self.groups(now).await.inspect_err(|_| self.clear_since.clear())?;
        let ways: Vec<Group> = groups.iter().map(|(group, _)| *group).collect();
        self.look(&ways, now).await;
        let due: Vec<_> = groups
            .iter()
            .filter_map(|(group, oldest)| {
                Some((*group, self.until(*group, now).filter(|until| oldest <= until)?))
            })
            .collect();
        let mut all = Round::default();
        while !due.is_empty() {
            let expiries = {
                let mut connection = self.parts.database.acquire().await?;
                deadlines::due(&mut connection, &due, self.settings.batch_max).await?
            };
            let last = expiries.len() < self.settings.batch_max;
            let round = self.expire(expiries).await;
            all.add(round);
            // Without an effect, the same ones would come again.
            if last || round.failed > 0 || round.cancelled == 0 {
                break;
            }
        }
        Ok(all)
    }

    fn follow_leases(&mut self, now: DateTime<Utc>) {
        let owned = self.parts.owned.borrow_and_update();
        self.held.retain(|partition, held| owned.get(partition) == Some(&held.epoch));
        let held = &self.held;
        self.clear_since.retain(|group, _| held.contains_key(&group.partition));
        for (partition, epoch) in owned.iter() {
            self.held.entry(*partition).or_insert(Held { epoch: *epoch, since: now });
        }
    }

    /// The groups whose ways matter, each with its oldest deadline: something is due in them, or will be before their
    /// ways have been clear for long enough.
    async fn groups(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Vec<(Group, DateTime<Utc>)>, bowline_database::Error> {
        let partitions: Vec<u16> = self.held.keys().copied().collect();
        if partitions.is_empty() {
            self.parts.sagas.set_pending(Pending::default());
            return Ok(Vec::new());
        }
        let mut connection = self.parts.database.acquire().await?;
        let groups = deadlines::groups(&mut connection, &partitions, now + self.settings.settle).await?;
        let mut pending = Pending::default();
        for (group, count, _) in &groups {
            pending.add(group.awaited, *count);
        }
        self.parts.sagas.set_pending(pending);
        Ok(groups.into_iter().filter_map(|(group, _, oldest)| Some((group, oldest?))).collect())
    }

    /// Notes which ways are clear, and says once what is in the way of the others.
    async fn look(&mut self, groups: &[Group], now: DateTime<Utc>) {
        let seen = self.parts.ways.look(groups).await;
        self.clear_since.retain(|group, _| seen.clear.contains(group));
        for group in seen.clear {
            self.clear_since.entry(group).or_insert(now);
        }
        for (awaited, obstacle) in &seen.obstacles {
            if self.obstacles.get(awaited) != Some(obstacle) {
                tracing::warn!(?awaited, obstacle, "deadlines wait");
            }
        }
        for awaited in self.obstacles.keys().filter(|awaited| !seen.obstacles.contains_key(awaited)) {
            tracing::info!(?awaited, "nothing is in the way of deadlines any more");
        }
        self.obstacles = seen.obstacles;
    }

    /// Up to which time the deadlines of a group take effect: now, if its way has been clear for long enough; else those
    /// that have waited for as long as they may. But a replica that has just taken over, perhaps after nobody worked
    /// for a while, first hears what has come meanwhile.
    fn until(&self, group: Group, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let settled = |since: DateTime<Utc>| now - since >= self.settings.settle;
        if self.clear_since.get(&group).copied().is_some_and(settled) {
            return Some(now);
        }
        let held = self.held.get(&group.partition)?;
        settled(held.since).then(|| now - self.settings.wait_max)
    }

    /// Hands deadlines to the executor, all at once, so that it can take them into one batch.
    async fn expire(&self, mut expiries: Vec<Expiry>) -> Round {
        let spans: Vec<Option<Span>> = expiries.iter_mut().map(span).collect();
        let commands = expiries.into_iter().map(Command::Expire);
        let replies = join_all(commands.map(|command| self.parts.commands.execute_patiently(command))).await;
        drop(spans);
        let mut round = Round::default();
        for reply in replies {
            match reply {
                Ok(Reply::Expired(Expired::Cancelled)) => round.cancelled += 1,
                Ok(_) => round.out_of_date += 1,
                Err(_) => round.failed += 1,
            }
        }
        let Round { cancelled, out_of_date, failed } = round;
        if failed > 0 {
            tracing::warn!(
                cancelled,
                out_of_date,
                failed,
                "not all deadlines could take effect, trying again"
            );
        } else if round != Round::default() {
            tracing::info!(cancelled, out_of_date, "deadlines have passed, orders are given up");
        }
        round
    }
}

/// From here until the order is given up, or it is known that the deadline came too late.
fn span(expiry: &mut Expiry) -> Option<Span> {
    let mut span = follow(expiry.traceparent.as_deref(), Kind::Internal, || "deadline passed".to_owned())?;
    span.set("bowline.order_id", expiry.order_id.to_string());
    expiry.traceparent = Some(span.traceparent().to_owned());
    Some(span)
}

impl Round {
    fn add(&mut self, other: Self) {
        self.cancelled += other.cancelled;
        self.out_of_date += other.out_of_date;
        self.failed += other.failed;
    }
}
