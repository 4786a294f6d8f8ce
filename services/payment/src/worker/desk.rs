//! Which operations are in hand.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bowline_database::Database;
use bowline_messaging::{Commands, Owned};
use bowline_resilience::{Breaker, BreakerSettings, Retry, RetrySettings, Valve, ValveSettings};
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::attempts::Attempts;
use super::calls::Calls;
use super::failed_calls::Unwritten;
use super::intake::{Handover, IntentReceiver};
use crate::app::intent::{Intent, IntentKey};
use crate::app::record_outcome::RecordOutcome;
use crate::infra::operations;
use crate::infra::provider::Provider;

/// How often failed calls are written down.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// How the worker works.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Calls to the provider at the same time.
    pub concurrency: usize,
    /// Operations in memory at the same time; the others wait in the table.
    pub in_hand_max: usize,
    /// How often the table is read for operations that nobody has handed over.
    pub sweep_interval: Duration,
    /// The waits between attempts, which have no end.
    pub retry: RetrySettings,
    /// When the provider is left alone.
    pub breaker: BreakerSettings,
    /// How fast what has waited meanwhile is brought to it.
    pub valve: ValveSettings,
    /// How long an operation rests that the provider does not accept as a request.
    pub alert_pause: Duration,
    /// How long calls in flight may still take when the worker stops.
    pub drain_timeout: Duration,
}

/// What a worker stands on.
pub struct WorkerParts {
    /// The provider.
    pub provider: Provider,
    /// The database with the open operations.
    pub database: Database,
    /// Where outcomes go.
    pub commands: Commands<RecordOutcome, ()>,
    /// What this replica holds.
    pub owned: watch::Receiver<Owned>,
    /// What the executor hands over.
    pub intents: IntentReceiver,
}

/// Works on the open operations of the partitions that are held.
pub struct Worker {
    attempts: Arc<Attempts>,
    settings: WorkerSettings,
    database: Database,
    owned: watch::Receiver<Owned>,
    intents: IntentReceiver,
    held: BTreeMap<u16, Held>,
    in_hand: HashSet<IntentKey>,
    tasks: JoinSet<IntentKey>,
    /// There are operations in the table for which there was no room.
    more_in_table: bool,
}

/// A partition as long as one lease of it lasts.
struct Held {
    epoch: i64,
    /// Cancelled when the lease is lost.
    lost: CancellationToken,
}

impl Worker {
    /// A worker that holds nothing yet.
    pub fn new(settings: WorkerSettings, parts: WorkerParts) -> Self {
        let breaker = Breaker::new("payment provider", settings.breaker);
        let attempts = Attempts {
            provider: parts.provider,
            commands: parts.commands,
            valve: Valve::new(breaker, settings.concurrency, settings.valve),
            retry: Retry::new(settings.retry).endless(),
            alert_pause: settings.alert_pause,
            unwritten: Unwritten::default(),
            calls: Calls::default(),
        };
        Self {
            attempts: Arc::new(attempts),
            database: parts.database,
            owned: parts.owned,
            intents: parts.intents,
            settings,
            held: BTreeMap::new(),
            in_hand: HashSet::new(),
            tasks: JoinSet::new(),
            more_in_table: false,
        }
    }

    /// What the operations wait at before the provider is called.
    pub fn valve(&self) -> Valve {
        self.attempts.valve.clone()
    }

    /// What has come of the calls to the provider.
    pub fn calls(&self) -> Calls {
        self.attempts.calls.clone()
    }

    /// Works until `stopping`; then lets calls in flight end and their outcomes be stored, for a limited time. Fails
    /// only when an attempt panicked.
    pub async fn run(mut self, stopping: CancellationToken) -> Result<(), JoinError> {
        let mut sweep = interval(self.settings.sweep_interval);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut notes = interval(NOTE_EVERY);
        notes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.owned.mark_changed();
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                // Before what is handed over: the executor follows the same leases.
                Ok(()) = self.owned.changed() => self.follow_leases().await,
                Some(ended) = self.tasks.join_next() => self.put_down(ended).await?,
                handover = self.intents.next() => match handover {
                    Handover::Opened(opened) => self.take(opened),
                    Handover::Missed => self.reload().await,
                },
                _ = sweep.tick() => self.reload().await,
                _ = notes.tick() => self.attempts.unwritten.write(&self.database).await,
            }
        }
        self.stop().await
    }

    /// Stops the work of lost partitions and takes up what is open in those that are new, or held anew.
    async fn follow_leases(&mut self) {
        let owned = self.owned.borrow_and_update().clone();
        self.held.retain(|partition, held| {
            let kept = owned.get(partition) == Some(&held.epoch);
            if !kept {
                held.lost.cancel();
            }
            kept
        });
        let before = self.held.len();
        for (partition, epoch) in owned {
            self.held.entry(partition).or_insert_with(|| Held { epoch, lost: CancellationToken::new() });
        }
        if self.held.len() > before {
            self.reload().await;
        }
    }

    /// Takes up what is open in the table. A database that is away is asked again at the next sweep.
    async fn reload(&mut self) {
        if self.held.is_empty() || self.in_hand.len() >= self.settings.in_hand_max {
            return;
        }
        let partitions: Vec<u16> = self.held.keys().copied().collect();
        let limit = self.settings.in_hand_max;
        let found = async {
            let mut connection = self.database.acquire().await?;
            Ok::<_, bowline_database::Error>(operations::open(&mut connection, &partitions, limit).await?)
        };
        match found.await {
            Ok(found) => {
                self.more_in_table = found.len() >= limit;
                self.take(found);
            }
            Err(error) => {
                tracing::warn!(%error, "open operations cannot be read, trying again");
            }
        }
    }

    /// Begins with what is not in hand, as far as there is room and the partition is held.
    fn take(&mut self, intents: Vec<Intent>) {
        for intent in intents {
            let Some(held) = self.held.get(&intent.partition) else { continue };
            if self.in_hand.len() >= self.settings.in_hand_max {
                self.more_in_table = true;
                return;
            }
            let key = intent.key();
            if self.in_hand.insert(key) {
                let (attempts, lost) = (Arc::clone(&self.attempts), held.lost.clone());
                self.tasks.spawn(async move {
                    attempts.pursue(intent, &lost).await;
                    key
                });
            }
        }
    }

    async fn put_down(&mut self, ended: Result<IntentKey, JoinError>) -> Result<(), JoinError> {
        self.in_hand.remove(&ended?);
        while let Some(ended) = self.tasks.try_join_next() {
            self.in_hand.remove(&ended?);
        }
        if self.more_in_table && self.in_hand.len() < self.settings.in_hand_max / 2 {
            self.reload().await;
        }
        Ok(())
    }

    async fn stop(mut self) -> Result<(), JoinError> {
        for held in self.held.values() {
            held.lost.cancel();
        }
        let ended = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended?;
            }
            Ok(())
        };
        let ended = timeout(self.settings.drain_timeout, ended).await.unwrap_or_else(|_| {
            tracing::warn!(
                "stopping with calls to the provider in flight, their outcomes are asked for later"
            );
            Ok(())
        });
        self.attempts.unwritten.write(&self.database).await;
        ended
    }
}
