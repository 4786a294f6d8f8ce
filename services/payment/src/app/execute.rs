//! The one transaction of the service: a batch of outcomes and messages, decided in memory, written together.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;

use bowline_database::{Database, Fault};
use bowline_event_store::{Context, Streams};
use bowline_kernel::{Clock, IdSource, OrderId};
use bowline_messaging::{
    Admission, Batch, ExecuteError, Executed, Handler, Outbox, Outgoing, PartitionWrites,
};
use bowline_payment_domain::{Command, FailedCalls, Rejection};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::intent::{Intent, IntentKey, Origin};
use crate::app::payments::Payments;
use crate::app::publish::{self, About};
use crate::app::reactions;
use crate::app::record_outcome::RecordOutcome;
use crate::infra::operations;
use crate::worker::IntentSender;

/// Executes batches, and hands the operations that they open to the worker.
pub struct PaymentHandler {
    database: Database,
    outbox: Outbox,
    streams: Streams<Payments>,
    partitions: PartitionWrites,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    intents: IntentSender,
}

/// What a handler stands on.
pub struct HandlerParts {
    /// The database with the settings of the hot path.
    pub database: Database,
    /// The lanes.
    pub outbox: Outbox,
    /// How many payments are remembered from batch to batch.
    pub payments_cached_max: NonZeroUsize,
    /// After how many events of a payment its next snapshot is taken.
    pub snapshot_every: NonZeroU32,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The ids of events.
    pub ids: Arc<dyn IdSource>,
    /// Where opened operations go after the commit.
    pub intents: IntentSender,
}

/// One command to decide, with what its events will carry.
struct Task<'a> {
    order_id: OrderId,
    partition: u16,
    command: Command,
    causation: Option<Uuid>,
    traceparent: Option<&'a str>,
    /// The message that it comes from; `None` for an outcome.
    message: Option<usize>,
}

/// What the decisions of a batch have led to.
#[derive(Default)]
struct Effects {
    opened: Vec<Intent>,
    closed: Vec<IntentKey>,
    outgoing: Vec<Outgoing>,
}

impl PaymentHandler {
    /// A handler that remembers nothing yet.
    pub fn new(parts: HandlerParts) -> Self {
        Self {
            database: parts.database,
            outbox: parts.outbox,
            streams: Streams::new(parts.payments_cached_max).snapshot_every(parts.snapshot_every),
            partitions: PartitionWrites::default(),
            clock: parts.clock,
            ids: parts.ids,
            intents: parts.intents,
        }
    }
}

impl Handler for PaymentHandler {
    type Command = RecordOutcome;
    type Reply = ();

    fn concerns(&self, message_type: &str) -> bool {
        reactions::concerns(message_type)
    }

    fn traceparent(command: &RecordOutcome) -> Option<&str> {
        command.traceparent.as_deref()
    }

    async fn execute(&mut self, batch: &Batch<RecordOutcome>) -> Result<Executed<()>, ExecuteError> {
        let now = self.clock.now();
        let mut tasks = tasks_of(batch, now)?;
        let mut transaction = self.database.begin().await?;
        let partitions = partitions_of(&tasks);
        let admission = batch.admit(&mut transaction, &mut self.partitions, &partitions).await?;
        for foreign in admission.foreign() {
            self.streams.forget(*foreign);
        }
        retain_admitted(&mut tasks, batch, &admission);
        let ids: Vec<_> = tasks.iter().map(|task| (task.partition, task.order_id.uuid())).collect();
        self.streams.load(&mut transaction, &ids).await.map_err(event_store)?;
        let effects = self.decide(tasks, now)?;
        self.streams.append(&mut transaction).await.map_err(event_store)?;
        operations::write(&mut transaction, &effects.opened, &effects.closed).await?;
        let sent = batch.finish(&mut transaction, &admission, &self.outbox, effects.outgoing).await?;
        transaction.commit().await?;
        self.streams.confirm();
        self.partitions.confirm();
        self.intents.offer(effects.opened);
        Ok(Executed { replies: vec![(); batch.commands.len()], sent, admission })
    }

    fn discard(&mut self) {
        self.streams.discard();
        self.partitions.discard();
    }
}

impl PaymentHandler {
    /// Decides in order. Outcomes come before messages, so nothing that a batch opens is closed by the same batch.
    fn decide(&mut self, tasks: Vec<Task<'_>>, now: DateTime<Utc>) -> Result<Effects, ExecuteError> {
        let mut effects = Effects::default();
        for task in tasks {
            let stream = task.order_id.uuid();
            let Task { order_id, partition, mut causation, traceparent, .. } = task;
            let before = self.streams.state(stream).open_operation().map(|operation| operation.kind());
            let context = Context {
                causation,
                correlation: Some(stream),
                traceparent,
                recorded_at: now,
                ids: self.ids.as_ref(),
            };
            let decided = self
                .streams
                .decide(stream, task.command, &context)
                .map_err(|rejection| refused(rejection, task.message))?;
            for event in &decided {
                let about = About { order_id, partition, causation, traceparent };
                if let Some(outgoing) = publish::message(about, event) {
                    // What follows from a public event is answered as such: a capture that failed leads to the void.
                    causation = Some(outgoing.id);
                    effects.outgoing.push(outgoing);
                }
            }
            let after = self.streams.state(stream).open_operation();
            if before == after.as_ref().map(bowline_payment_domain::Operation::kind) {
                continue;
            }
            effects.closed.extend(before.map(|kind| (order_id, kind)));
            effects.opened.extend(after.map(|operation| Intent {
                order_id,
                partition,
                operation,
                causation,
                traceparent: traceparent.map(str::to_owned),
                requested_at: now,
                origin: Origin::Committed,
                failed_calls: FailedCalls::default(),
            }));
        }
        Ok(effects)
    }
}

/// Outcomes, then what the messages ask for. A message that cannot be read is named before anything is begun.
fn tasks_of(batch: &Batch<RecordOutcome>, now: DateTime<Utc>) -> Result<Vec<Task<'_>>, ExecuteError> {
    let outcomes = batch.commands.iter().map(|command| Task {
        order_id: command.order_id,
        partition: command.partition,
        command: command.command(now),
        causation: command.causation,
        traceparent: command.traceparent.as_deref(),
        message: None,
    });
    let mut tasks: Vec<Task<'_>> = outcomes.collect();
    for (index, message) in batch.messages() {
        let command = reactions::command(message, now)
            .map_err(|reason| ExecuteError::Poison { message: index, reason })?;
        tasks.extend(command.map(|command| Task {
            order_id: OrderId::new(message.key),
            partition: message.partition,
            command,
            causation: Some(message.envelope.id),
            traceparent: message.envelope.traceparent.as_deref(),
            message: Some(index),
        }));
    }
    Ok(tasks)
}

fn partitions_of(tasks: &[Task<'_>]) -> Vec<u16> {
    let mut partitions: Vec<u16> = tasks.iter().map(|task| task.partition).collect();
    partitions.sort_unstable();
    partitions.dedup();
    partitions
}

fn retain_admitted(tasks: &mut Vec<Task<'_>>, batch: &Batch<RecordOutcome>, admission: &Admission) {
    let mut admitted = batch.admitted(admission).map(|(index, _)| index).peekable();
    // Both are in the order of the batch.
    tasks.retain(|task| {
        let Some(index) = task.message else { return true };
        while admitted.next_if(|next| *next < index).is_some() {}
        admitted.peek() == Some(&index)
    });
}

fn refused(rejection: Rejection, message: Option<usize>) -> ExecuteError {
    match message {
        Some(message) => ExecuteError::Poison { message, reason: rejection.to_string() },
        None => ExecuteError::Other { fault: Fault::Bug, source: Box::new(rejection) },
    }
}

fn event_store(error: bowline_event_store::Error) -> ExecuteError {
    ExecuteError::Other { fault: error.fault(), source: Box::new(error) }
}
