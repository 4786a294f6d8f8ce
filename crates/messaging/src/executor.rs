//! The batch executor: commands of callers and messages of lanes, many at a time, one transaction after the other.

mod attempt;
mod batches;
mod commands;
mod gaps;
mod histories;
mod intake;
mod queues;
mod rest;
mod spans;
mod stepping;

pub use self::batches::Batches;
pub(crate) use self::commands::Call;
pub use self::commands::{Answer, CommandError, Commands, Turns};
pub use self::histories::Failovers;
pub(crate) use self::rest::Pace;
use self::rest::Rest;
use self::spans::InHand;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use bowline_database::{Database, Fault};
use bowline_kernel::SystemIds;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::batch::{Batch, Executed};
use crate::consumer::{Consumer, Record};
use crate::healing::Healer;
use crate::inbox::{Inbox, Incoming, InputId};
use crate::inputs::Progress;
use crate::lease::Owned;
use crate::outbox::Sequenced;
use crate::parking::{Condemned, Parking};
use crate::topic_watch::TopicIds;
use crate::tracker::{Followed, Standing, Tracker};
use crate::{Error, LaneOptions};

/// How long messages that the service does nothing about wait for company, so that they do not cost a transaction.
const IDLE_MESSAGES_WAIT: Duration = Duration::from_millis(200);
/// How long messages wait after the database was away, or somebody else was in the way for too long.
const AWAY_PAUSE: Duration = Duration::from_millis(100);
/// How often positions are told to the consumer group, and gaps looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// What a service does in a batch.
pub trait Handler: Send + 'static {
    /// What callers ask for.
    type Command: Send + Sync + 'static;
    /// What they get.
    type Reply: Send + 'static;

    /// True if the service does something about messages of this type. The others only move their watermark.
    fn concerns(&self, message_type: &str) -> bool;

    /// The trace context in which a command was asked for, as W3C `traceparent`; the span of its batch links to it.
    fn traceparent(_command: &Self::Command) -> Option<&str> {
        None
    }

    /// Executes a batch in one transaction and commits it.
    ///
    /// After an error nothing of the batch has happened, or (when the answer to `COMMIT` was lost) all of it: the same
    /// work is given again, and watermarks and idempotency keys tell which.
    fn execute(
        &mut self,
        batch: &Batch<Self::Command>,
    ) -> impl Future<Output = Result<Executed<Self::Reply>, ExecuteError>> + Send;

    /// The last batch has failed, or its outcome is unknown: what it touched must be read from the database again.
    fn discard(&mut self);
}

/// Why a batch was not executed.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// A mechanism failed; its fault says what to do.
    #[error(transparent)]
    Failed(#[from] Error),
    /// Something else failed.
    #[error("the batch failed")]
    Other {
        /// What may be done about it.
        fault: Fault,
        /// What happened.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A message cannot be applied, now or later. Nothing was written; it is parked, and the others of the batch are tried
    /// again.
    #[error("message {message} of the batch cannot be applied: {reason}")]
    Poison {
        /// Its index in the batch.
        message: usize,
        /// Why, for an operator.
        reason: String,
    },
}

impl From<bowline_database::Error> for ExecuteError {
    fn from(error: bowline_database::Error) -> Self {
        Self::Failed(error.into())
    }
}

bowline_database::from_sqlx!(ExecuteError::Failed);

impl ExecuteError {
    fn fault(&self) -> Fault {
        match self {
            Self::Failed(error) => error.fault(),
            Self::Other { fault, .. } => *fault,
            Self::Poison { .. } => Fault::Refused,
        }
    }
}

/// Everything the executor needs.
pub(crate) struct ExecutorParts<H: Handler> {
    pub(crate) handler: H,
    pub(crate) options: LaneOptions,
    pub(crate) pace: Pace,
    pub(crate) database: Database,
    pub(crate) ids: SystemIds,
    pub(crate) inbox: Inbox,
    pub(crate) parking: Parking,
    pub(crate) calls: mpsc::Receiver<Call<H::Command, H::Reply>>,
    pub(crate) turns: Turns,
    pub(crate) consumer: Consumer,
    pub(crate) records: mpsc::Receiver<Vec<Record>>,
    pub(crate) owned: watch::Receiver<Owned>,
    pub(crate) topic_ids: watch::Receiver<Option<TopicIds>>,
    pub(crate) offers: mpsc::Sender<Vec<Sequenced>>,
    pub(crate) troubles: watch::Sender<Troubles>,
    pub(crate) failovers: watch::Sender<Failovers>,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) batches: Batches,
}

/// Lanes that do not move, for health and operators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Troubles {
    /// Lanes and partitions that do not move until somebody mends them, each with its reason.
    pub stopped: Vec<String>,
    /// Lanes that wait for a missing message, or for their source to tell its history, each with what it waits for.
    pub gaps: Vec<String>,
    /// How many keys have messages that wait for an operator.
    pub parked_keys: usize,
}

pub(crate) struct Executor<H: Handler> {
    parts: ExecutorParts<H>,
    tracker: Tracker,
    /// What this executor works on, with the epoch under which it began.
    known: Owned,
    calls: Vec<Call<H::Command, H::Reply>>,
    /// Scheduled in the tracker, not yet applied.
    pending: Vec<Incoming>,
    /// When the oldest of `pending` was scheduled.
    pending_since: Instant,
    /// No message is applied before; see [`AWAY_PAUSE`].
    resume_at: Instant,
    /// Between two batches.
    rest: Rest,
    /// The keys whose messages are parked, as last seen.
    queued: HashSet<Uuid>,
    /// Messages found to be poison, by key, until they are parked.
    condemned: HashMap<Uuid, Condemned>,
    healer: Healer,
    /// Lanes that wait for missing messages.
    gaps: HashMap<InputId, gaps::Gap>,
    /// Lanes that wait to be told the history of their source.
    doubted: HashMap<InputId, histories::Doubted>,
    /// The partitions and the lanes that do not flow, as last written down.
    noted_standing: Option<(Vec<u16>, Vec<Standing>)>,
    /// Gaps to be reported once their messages are applied.
    filled: Vec<gaps::Filled>,
    /// When the sources are asked next how far they are.
    heads_at: Instant,
    /// Those that have not answered yet.
    heads_due: Vec<Followed>,
    /// Partitions that are owned but could not be begun, each with the reason.
    unbegun: BTreeMap<u16, String>,
    spans: InHand,
}

impl<H: Handler> Executor<H> {
    pub(crate) fn new(parts: ExecutorParts<H>, healer: Healer) -> Self {
        let now = Instant::now();
        Self {
            parts,
            tracker: Tracker::default(),
            known: Owned::new(),
            calls: Vec::new(),
            pending: Vec::new(),
            pending_since: now,
            resume_at: now,
            rest: Rest::default(),
            healer,
            gaps: HashMap::new(),
            queued: HashSet::new(),
            condemned: HashMap::new(),
            doubted: HashMap::new(),
            noted_standing: None,
            filled: Vec::new(),
            heads_at: now,
            heads_due: Vec::new(),
            unbegun: BTreeMap::new(),
            spans: InHand::default(),
        }
    }

    /// Runs until cancelled, then finishes the callers that already wait.
    pub(crate) async fn run(mut self, cancelled: CancellationToken) {
        let mut housekeeping = tokio::time::interval(HOUSEKEEPING);
        housekeeping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !cancelled.is_cancelled() {
            let due = self.wake_at();
            let awake = self.rest.ends_at().is_none();
            tokio::select! {
                biased;
                () = cancelled.cancelled() => break,
                changed = self.parts.owned.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    self.follow_leases().await;
                }
                Ok(()) = self.parts.topic_ids.changed() => self.follow_leases().await,
                _ = housekeeping.tick() => self.keep_house().await,
                Some(call) = self.parts.calls.recv(), if awake && self.calls.is_empty() => self.calls.push(call),
                Some(records) = self.parts.records.recv(), if awake && self.has_room() => self.take(records),
                answer = self.healer.answered(), if self.has_room() => self.take_answer(answer),
                () = sleep_until(due), if due.is_some() => {}
            }
            if self.rest.is_over() {
                self.gather();
                if self.is_due() {
                    let (size, began) = (self.calls.len() + self.pending.len(), Instant::now());
                    self.execute_gathered().await;
                    let took = began.elapsed();
                    self.parts.batches.see(size, took);
                    self.rest = Rest::after(self.parts.pace, size, took);
                }
            }
        }
        self.finish().await;
    }

    /// Takes what is there already, up to the size of a batch.
    fn gather(&mut self) {
        while self.has_room() {
            match self.parts.records.try_recv() {
                Ok(records) => self.take(records),
                Err(_) => break,
            }
        }
        while self.calls.len() < self.parts.options.batch_max {
            match self.parts.calls.try_recv() {
                Ok(call) => self.calls.push(call),
                Err(_) => break,
            }
        }
    }

    fn has_room(&self) -> bool {
        self.pending.len() < self.parts.options.batch_max
    }

    /// When `pending` alone is worth a transaction: at once if the service does something about one of its messages.
    fn due_at(&self) -> Option<Instant> {
        if self.pending.is_empty() {
            return None;
        }
        let urgent = !self.has_room()
            || self.pending.iter().any(|message| self.parts.handler.concerns(&message.envelope.message_type));
        let due = if urgent { self.pending_since } else { self.pending_since + IDLE_MESSAGES_WAIT };
        Some(due.max(self.resume_at))
    }

    /// When there is something to do though nothing more comes in.
    fn wake_at(&self) -> Option<Instant> {
        self.rest.ends_at().or_else(|| self.due_at())
    }

    fn is_due(&self) -> bool {
        !self.calls.is_empty() || self.due_at().is_some_and(|due| due <= Instant::now())
    }

    /// Callers that wait get their answer; messages stay in Kafka for whoever is next.
    async fn finish(mut self) {
        self.parts.calls.close();
        while let Some(call) = self.parts.calls.recv().await {
            self.calls.push(call);
            if self.calls.len() == self.parts.options.batch_max {
                self.execute_gathered().await;
            }
        }
        self.execute_gathered().await;
        self.report_healed();
        let partitions: Vec<u16> = self.known.keys().copied().collect();
        for partition in partitions {
            self.lose(partition);
        }
        // Dropping the consumer waits for its thread.
        let consumer = self.parts.consumer;
        let _ = tokio::task::spawn_blocking(move || drop(consumer)).await;
        self.healer.finish().await;
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
