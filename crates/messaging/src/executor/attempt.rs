//! Executing a batch: trying again what may succeed, halving what does not until the culprit stands alone.

use std::time::Duration;

use bowline_database::{Fault, sqlstate};
use bowline_fault_points::{Point, reached};
use bowline_kernel::error_text;
use tokio::time::Instant;

use super::{AWAY_PAUSE, Call, CommandError, ExecuteError, Executor, Handler};
use crate::batch::{Batch, Executed, Queues};
use crate::inbox::{Incoming, InputId};
use crate::parking::sort_out;
use crate::{Error, incarnation};

/// How often a batch that met another transaction is tried before its callers are told so.
const CONFLICTS_MAX: u32 = 5;
const CONFLICT_PAUSE: Duration = Duration::from_millis(5);

/// A part of what was gathered. The last part carries the reading positions.
struct Part<C, R> {
    calls: Vec<Call<C, R>>,
    messages: Vec<Incoming>,
    last: bool,
    conflicts: u32,
}

impl<H: Handler> Executor<H> {
    pub(super) async fn execute_gathered(&mut self) {
        if !self.calls.is_empty() {
            self.parts.turns.next();
        }
        let calls = std::mem::take(&mut self.calls);
        let paused = Instant::now() < self.resume_at;
        let messages = if paused { Vec::new() } else { std::mem::take(&mut self.pending) };
        let last = self.pending.is_empty();
        let mut parts = vec![Part { calls, messages, last, conflicts: 0 }];
        while let Some(mut part) = parts.pop() {
            part.calls.retain(|call| !call.reply.is_closed());
            if !part.is_empty() {
                self.attempt(part, &mut parts).await;
            }
        }
    }

    /// Executes a part; pushes back what is to be tried again.
    async fn attempt(
        &mut self,
        part: Part<H::Command, H::Reply>,
        parts: &mut Vec<Part<H::Command, H::Reply>>,
    ) {
        let Part { calls, messages, last, conflicts } = part;
        let (commands, replies): (Vec<_>, Vec<_>) =
            calls.into_iter().map(|call| (call.command, call.reply)).unzip();
        let steps = self.tracker.steps(&messages);
        let positions = if last { self.tracker.positions() } else { Vec::new() };
        let parked = sort_out(&messages, &self.queued, &self.condemned);
        let queues =
            (!parked.is_empty()).then(|| Queues { parking: self.parts.parking.clone(), letters: Vec::new() });
        let records_applied = self.parts.options.record_applied;
        let batch =
            Batch { parked, positions, queues, records_applied, ..Batch::of(commands, messages, steps) };
        let span = self.spans.attempt(&batch, H::traceparent);
        let result = self.parts.handler.execute(&batch).await;
        match result {
            Ok(executed) => {
                reached(Point::AfterEffect);
                self.spans.committed(&batch, &executed.admission);
                drop(span);
                let left_out = self.confirm(&batch, &executed);
                self.note_parked(&batch, &executed.admission);
                self.offer(executed.sent);
                for (reply, answer) in replies.into_iter().zip(executed.replies) {
                    // A caller that went away finds its answer under its idempotency key.
                    let _ = reply.send(Ok(answer));
                }
                if !left_out.is_empty() {
                    let partitions = self.begin_again(&left_out).await;
                    for part in parts {
                        part.messages.retain(|message| !partitions.contains(&message.partition));
                    }
                }
            }
            Err(error) => {
                self.parts.handler.discard();
                self.spans.failed(span, &batch.messages, error.fault());
                let calls =
                    batch.commands.into_iter().zip(replies).map(|(command, reply)| Call { command, reply });
                if let ExecuteError::Poison { message, reason } = &error {
                    self.condemn(&batch.messages[*message], reason);
                }
                let part = Part { calls: calls.collect(), messages: batch.messages, last, conflicts };
                self.recover(part, error, parts).await;
            }
        }
    }

    /// Advances what the commit has advanced; returns the lanes that were left out.
    fn confirm(&mut self, batch: &Batch<H::Command>, executed: &Executed<H::Reply>) -> Vec<InputId> {
        let admission = &executed.admission;
        if admission.is_complete() {
            self.tracker.confirm(&batch.steps, &batch.positions);
            self.note_survivors(batch.steps.iter());
            return Vec::new();
        }
        let steps: Vec<_> = batch.steps.iter().filter(|step| admission.allows(step.input)).cloned().collect();
        self.tracker.confirm(&steps, &[]);
        self.note_survivors(steps.iter());
        batch.steps.iter().map(|step| step.input).filter(|input| !admission.allows(*input)).collect()
    }

    pub(super) fn offer(&self, sent: Vec<crate::Sequenced>) {
        if !sent.is_empty() {
            // A relay that is too busy to take it reads it from the outbox.
            let _ = self.parts.offers.try_send(sent);
        }
    }

    async fn recover(
        &mut self,
        mut part: Part<H::Command, H::Reply>,
        error: ExecuteError,
        parts: &mut Vec<Part<H::Command, H::Reply>>,
    ) {
        if matches!(error, ExecuteError::Poison { .. }) {
            // The culprit is parked with the next attempt.
            parts.push(part);
            return;
        }
        match error.fault() {
            Fault::Unavailable => {
                tracing::warn!(error = error_text(&error), "database is away, messages wait");
                self.put_back(part, CommandError::Unavailable, parts);
            }
            Fault::Conflict => {
                self.settle(&error).await;
                part.conflicts += 1;
                if part.conflicts > CONFLICTS_MAX || is_lock_timeout(&error) {
                    // Leases, new callers and the wish to stop must have their turn meanwhile.
                    self.put_back(part, CommandError::Conflict, parts);
                } else {
                    tokio::time::sleep(CONFLICT_PAUSE).await;
                    parts.push(part);
                }
            }
            Fault::Refused | Fault::Bug => self.isolate(part, &error, parts),
        }
    }

    /// What can be done about a conflict before the batch is tried again.
    pub(super) async fn settle(&mut self, error: &ExecuteError) {
        tracing::debug!(error = error_text(error), "batch met another transaction, trying again");
        match error {
            ExecuteError::Failed(Error::IncarnationChanged) => self.record_incarnation().await,
            ExecuteError::Failed(Error::QueueChanged) => {
                self.look_at_queues().await;
            }
            _ => {}
        }
    }

    async fn record_incarnation(&mut self) {
        let recorded = async {
            let mut transaction = self.parts.database.begin().await?;
            let incarnation = incarnation::ensure(&mut transaction, &self.parts.ids).await?;
            transaction.commit().await?;
            Ok::<_, Error>(incarnation)
        };
        match recorded.await {
            Ok(incarnation) => tracing::warn!(%incarnation, "database continues on another timeline"),
            Err(error) => tracing::warn!(error = error_text(&error), "incarnation could not be recorded"),
        }
    }

    /// Halves the part; a culprit that stands alone is refused, or parked. It stops its lane when parking is refused as
    /// well, or when the program is wrong: then it is not the message that has to be mended.
    fn isolate(
        &mut self,
        mut part: Part<H::Command, H::Reply>,
        error: &ExecuteError,
        parts: &mut Vec<Part<H::Command, H::Reply>>,
    ) {
        if part.len() > 1 {
            let second = part.split();
            parts.push(second);
            parts.push(part);
            return;
        }
        if !part.calls.is_empty() {
            tracing::error!(error = error_text(error), "a command cannot be executed");
            refuse(std::mem::take(&mut part.calls), CommandError::Failed);
        }
        let Some(culprit) = part.messages.first() else { return };
        let reason = error_text(error);
        let condemned = self.condemned.get(&culprit.key).is_some_and(|known| known.is(culprit));
        if error.fault() == Fault::Refused && !condemned {
            self.condemn(culprit, &reason);
            parts.push(part);
            return;
        }
        self.stop_lane(culprit, &reason);
        for other in parts.iter_mut() {
            other.drop_lane_from(culprit);
        }
    }

    fn stop_lane(&mut self, culprit: &Incoming, reason: &str) {
        tracing::error!(
            topic = culprit.topic.name, partition = culprit.partition, offset = culprit.offset, order_id = %culprit.key,
            message_type = culprit.envelope.message_type, sequence = culprit.envelope.sequence, reason,
            "message cannot be applied, its lane stops"
        );
        self.tracker.stop(culprit, reason);
        self.spans.stop(culprit);
        let later = |message: &Incoming| message.input == culprit.input;
        self.pending.retain(|message| !later(message));
    }

    /// Messages not yet applied wait, in order, and are tried again after a pause; callers are told `answer`.
    fn put_back(
        &mut self,
        part: Part<H::Command, H::Reply>,
        answer: CommandError,
        parts: &mut Vec<Part<H::Command, H::Reply>>,
    ) {
        parts.push(part);
        let mut waiting = Vec::new();
        while let Some(part) = parts.pop() {
            refuse(part.calls, answer);
            waiting.extend(part.messages);
        }
        waiting.append(&mut self.pending);
        self.pending = waiting;
        self.resume_at = Instant::now() + AWAY_PAUSE;
    }
}

impl<C, R> Part<C, R> {
    fn len(&self) -> usize {
        self.calls.len() + self.messages.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the later half out. Messages come after calls, and keep their order.
    fn split(&mut self) -> Self {
        let half = self.len() / 2;
        let calls = self.calls.split_off(half.min(self.calls.len()));
        let messages =
            self.messages.split_off(half.saturating_sub(self.calls.len()).min(self.messages.len()));
        let last = std::mem::replace(&mut self.last, false);
        Self { calls, messages, last, conflicts: 0 }
    }

    /// Takes a message and the later ones of its lane out.
    fn drop_lane_from(&mut self, culprit: &Incoming) {
        let sequence = culprit.envelope.sequence;
        self.messages
            .retain(|message| message.input != culprit.input || message.envelope.sequence < sequence);
    }
}

fn refuse<C, R>(calls: Vec<Call<C, R>>, error: CommandError) {
    for call in calls {
        // A caller that went away does not mind.
        let _ = call.reply.send(Err(error));
    }
}

fn is_lock_timeout(error: &ExecuteError) -> bool {
    let state = match error {
        ExecuteError::Failed(Error::Database(error)) => error.sqlstate(),
        ExecuteError::Other { source, .. } => {
            database_error(source.as_ref()).and_then(bowline_database::Error::sqlstate)
        }
        _ => None,
    };
    state.as_deref() == Some(sqlstate::LOCK_NOT_AVAILABLE)
}

/// The database's error among the causes of `error`.
fn database_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a bowline_database::Error> {
    std::iter::successors(Some(error), |error| error.source())
        .find_map(|error| error.downcast_ref::<bowline_database::Error>())
}
