//! The queues of parked keys: what goes in, and what an operator has tried again.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_database::Fault;
use bowline_kernel::error_text;
use tokio::time::Instant;
use uuid::Uuid;

use super::{ExecuteError, Executor, Handler};
use crate::Error;
use crate::batch::{Admission, Batch, Queues};
use crate::inbox::Incoming;
use crate::parking::{Condemned, Letter, Parked, Waiting};

/// How long parked messages are tried again at a stretch, while lanes and callers wait.
const RETRY_SLICE: Duration = Duration::from_millis(200);

impl<H: Handler> Executor<H> {
    /// The message is parked with the next attempt to apply it.
    pub(super) fn condemn(&mut self, culprit: &Incoming, reason: &str) {
        self.condemned.insert(culprit.key, Condemned::new(culprit, reason.to_owned()));
    }

    /// The batch has been committed: what it parked is parked.
    pub(super) fn note_parked<C>(&mut self, batch: &Batch<C>, admission: &Admission) {
        for Parked { message, reason } in batch.parked(admission) {
            if let Some(reason) = reason {
                tracing::error!(
                    topic = message.topic.name, partition = message.partition, offset = message.offset,
                    order_id = %message.key, message_type = message.envelope.message_type,
                    sequence = message.envelope.sequence, reason,
                    "message cannot be applied: it is parked, and what follows of its order waits behind it"
                );
                self.condemned.remove(&message.key);
                self.queued.insert(message.key);
            }
        }
    }

    /// Forgets what was found out about a partition that is lost.
    pub(super) fn forget_condemned(&mut self, lost: u16) {
        self.condemned.retain(|key, _| partition::of_key(*key, PARTITIONS) != lost);
    }

    /// Looks which keys are parked on the partitions of this replica. Nothing when the database is away.
    pub(super) async fn look_at_queues(&mut self) -> Option<Vec<Uuid>> {
        let partitions: Vec<u16> = self.known.keys().copied().collect();
        let looked = async {
            let mut connection = self.parts.database.acquire().await?;
            self.parts.parking.waiting(&mut connection, &partitions).await
        };
        match looked.await {
            Ok(Waiting { keys, requested }) => {
                self.queued = keys;
                Some(requested)
            }
            Err(error) => {
                tracing::debug!(error = error_text(&error), "parked keys could not be looked at");
                None
            }
        }
    }

    /// Follows what operators have done with parked messages, and tries again what they want tried again.
    pub(super) async fn keep_queues(&mut self) {
        let Some(mut requested) = self.look_at_queues().await else { return };
        let until = Instant::now() + RETRY_SLICE;
        while !requested.is_empty() && Instant::now() < until {
            if let Err(error) = self.retry(&requested).await {
                tracing::warn!(error = error_text(&error), "parked messages could not be tried again yet");
                return;
            }
            requested = self.look_at_queues().await.unwrap_or_default();
        }
    }

    /// Tries the first messages of these queues again, as many as a batch holds. A message that still cannot be applied
    /// stays where it is, with those behind it.
    async fn retry(&mut self, keys: &[Uuid]) -> Result<(), ExecuteError> {
        let mut connection = self.parts.database.acquire().await?;
        let letters = self.parts.parking.letters(&mut connection, keys, self.parts.options.batch_max).await?;
        drop(connection);
        let mut failed: HashSet<Uuid> = HashSet::new();
        let mut chunks = VecDeque::from([letters]);
        while let Some(mut letters) = chunks.pop_front() {
            letters.retain(|letter| !failed.contains(&letter.message.key));
            if letters.is_empty() {
                continue;
            }
            let Err(error) = self.try_letters(&letters).await else { continue };
            let culprit = match &error {
                ExecuteError::Poison { message, .. } => Some(*message),
                _ if matches!(error.fault(), Fault::Unavailable | Fault::Conflict) => return Err(error),
                _ if letters.len() == 1 => Some(0),
                _ => None,
            };
            match culprit {
                None => {
                    let second = letters.split_off(letters.len() / 2);
                    chunks.push_front(second);
                    chunks.push_front(letters);
                }
                Some(culprit) => {
                    let message = letters[culprit].message.clone();
                    self.note_failed_retry(&message, &error).await?;
                    failed.insert(message.key);
                    let kept =
                        |(nth, letter): &(usize, Letter)| *nth < culprit || letter.message.key != message.key;
                    let rest = letters.into_iter().enumerate().filter(kept).map(|(_, letter)| letter);
                    let (before, others) = rest.partition(|letter| letter.message.key == message.key);
                    // Those in front of the culprit were not at fault, and are applied without it.
                    self.try_before(before).await?;
                    chunks.push_front(others);
                }
            }
        }
        Ok(())
    }

    async fn try_before(&mut self, letters: Vec<Letter>) -> Result<(), ExecuteError> {
        if letters.is_empty() { Ok(()) } else { self.try_letters(&letters).await }
    }

    async fn note_failed_retry(&mut self, culprit: &Incoming, error: &ExecuteError) -> Result<(), Error> {
        let reason = match error {
            ExecuteError::Poison { reason, .. } => reason.clone(),
            other => error_text(other),
        };
        tracing::warn!(order_id = %culprit.key, message_type = culprit.envelope.message_type, reason,
            "parked message still cannot be applied");
        let mut connection = self.parts.database.acquire().await?;
        self.parts.parking.note_failure(&mut connection, culprit, &reason).await
    }

    /// Applies parked messages and takes them out of their queues, in one transaction.
    async fn try_letters(&mut self, letters: &[Letter]) -> Result<(), ExecuteError> {
        let queues = Queues { parking: self.parts.parking.clone(), letters: letters.to_vec() };
        let mut messages: Vec<Incoming> = letters.iter().map(|letter| letter.message.clone()).collect();
        messages.iter_mut().for_each(|message| self.spans.begin(message));
        let batch = Batch { queues: Some(queues), ..Batch::of(Vec::new(), messages, Vec::new()) };
        let span = self.spans.attempt(&batch, H::traceparent);
        match self.parts.handler.execute(&batch).await {
            Ok(executed) => {
                self.spans.committed(&batch, &executed.admission);
                tracing::info!(messages = letters.len(), "parked messages applied");
                self.offer(executed.sent);
                Ok(())
            }
            Err(error) => {
                self.parts.handler.discard();
                self.spans.failed(span, &batch.messages, error.fault());
                self.spans.give_up(&batch.messages);
                self.settle(&error).await;
                Err(error)
            }
        }
    }
}
