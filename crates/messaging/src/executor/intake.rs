//! How partitions come and go, and what of the records read becomes part of a batch.

use bowline_contracts::topics::Topic;
use bowline_database::Fault;
use bowline_kernel::error_text;
use tokio::time::Instant;

use super::histories::Doubts;
use super::{Executor, Handler, Troubles};
use crate::Error;
use crate::consumer::{Body, Content, Record};
use crate::inbox::{Incoming, InputId};
use crate::tracker::Verdict;

impl<H: Handler> Executor<H> {
    /// Begins with partitions that were gained, leaves those that were lost. What was held under another epoch is
    /// begun anew: somebody else may have worked on it.
    pub(super) async fn follow_leases(&mut self) {
        let owned = self.parts.owned.borrow_and_update().clone();
        let ready = self.parts.topic_ids.borrow_and_update().is_some();
        let lost: Vec<u16> =
            self.known.iter().filter(|(p, epoch)| owned.get(p) != Some(epoch)).map(|(p, _)| *p).collect();
        for partition in lost {
            self.lose(partition);
        }
        self.unbegun.retain(|partition, _| owned.contains_key(partition));
        if !ready {
            return;
        }
        for (partition, epoch) in owned {
            if !self.known.contains_key(&partition) {
                self.begin(partition, epoch).await;
            }
        }
    }

    async fn begin(&mut self, partition: u16, epoch: i64) {
        match self.gain(partition).await {
            Ok(()) => {
                self.known.insert(partition, epoch);
                self.unbegun.remove(&partition);
                tracing::debug!(partition, epoch, "partition begun");
            }
            Err(error) => {
                self.report_unbegun(partition, &error);
            }
        }
    }

    /// Said once per reason; it is tried again all the time.
    fn report_unbegun(&mut self, partition: u16, error: &Error) {
        let reason = error_text(error);
        if self.unbegun.get(&partition) == Some(&reason) {
            return;
        }
        if error.fault() == Fault::Bug {
            tracing::error!(partition, error = reason, "partition cannot be begun");
        } else {
            tracing::warn!(partition, error = reason, "partition cannot be begun yet");
        }
        self.unbegun.insert(partition, reason);
    }

    async fn gain(&mut self, partition: u16) -> Result<(), Error> {
        let ids = self.parts.topic_ids.borrow().clone().unwrap_or_default();
        let mut connection = self.parts.database.acquire().await?;
        let mut positions = self.parts.inbox.load(&mut connection, partition).await?;
        for position in &mut positions {
            if let Some(id) = ids.get(position.topic.name) {
                self.parts.inbox.adopt_topic(&mut connection, position, *id).await?;
            }
        }
        let waiting = self.parts.parking.waiting(&mut connection, &[partition]).await?;
        self.queued.extend(waiting.keys);
        self.parts.consumer.assign(self.tracker.gain(partition, positions));
        // What was lost while nobody looked shows at once.
        self.heads_at = Instant::now();
        Ok(())
    }

    pub(super) fn lose(&mut self, partition: u16) {
        self.known.remove(&partition);
        self.pending.retain(|message| message.partition != partition);
        self.forget_condemned(partition);
        self.spans.leave(partition);
        self.parts.consumer.unassign(self.tracker.lose(partition));
    }

    /// Leaves the partitions of these lanes and begins with them again, from what the database says. Returns them:
    /// what was read of them before is read again.
    pub(super) async fn begin_again(&mut self, inputs: &[InputId]) -> Vec<u16> {
        let partitions = self.tracker.partitions_of(|input| inputs.contains(&input));
        for partition in &partitions {
            if let Some(epoch) = self.known.get(partition).copied() {
                self.lose(*partition);
                self.begin(*partition, epoch).await;
            }
        }
        partitions
    }

    /// Partitions that could not be begun are tried again; the group is told the positions; gaps are looked after.
    pub(super) async fn keep_house(&mut self) {
        self.follow_leases().await;
        self.keep_queues().await;
        self.parts.consumer.note(self.tracker.stored());
        self.parts.progress.send_replace(self.tracker.progress(&self.pending));
        self.follow_operators().await;
        self.watch_ends();
        let missing = self.watch_gaps();
        let doubts = self.watch_doubts();
        self.publish_troubles(missing, doubts);
        self.note_standing().await;
    }

    /// Writes down for operators how the lanes stand that do not flow, when that has changed. Partitions that are gained
    /// count as changed: who had them before may have left something that is not so any more.
    async fn note_standing(&mut self) {
        let partitions: Vec<u16> = self.known.keys().copied().collect();
        let standing = (partitions, self.tracker.standing());
        if self.noted_standing.as_ref() == Some(&standing) {
            return;
        }
        let noted = async {
            let mut connection = self.parts.database.acquire().await?;
            self.parts.inbox.note_standing(&mut connection, &standing.0, &standing.1).await
        };
        match noted.await {
            Ok(()) => self.noted_standing = Some(standing),
            Err(error) => tracing::debug!(error = error_text(&error), "how the lanes stand was not noted"),
        }
    }

    fn publish_troubles(&self, mut gaps: Vec<String>, doubts: Doubts) {
        let mut stopped = self.tracker.stopped();
        gaps.extend(doubts.waiting);
        stopped.extend(doubts.stopped);
        stopped.extend(
            self.unbegun.iter().map(|(partition, reason)| format!("partition {partition}: {reason}")),
        );
        let troubles = Troubles { stopped, gaps, parked_keys: self.queued.len() };
        self.parts.troubles.send_if_modified(|current| {
            let changed = *current != troubles;
            if changed {
                *current = troubles;
            }
            changed
        });
    }

    /// Sorts records into what is applied, dropped, and held.
    pub(super) fn take(&mut self, records: Vec<Record>) {
        for record in records {
            if !self.tracker.expects(record.topic, record.partition, record.generation) {
                continue;
            }
            let Record { topic, partition, offset, content, .. } = record;
            match content {
                Content::Message(body) => self.take_message(topic, partition, offset, body),
                Content::Malformed(error) => {
                    tracing::error!(
                        topic = topic.name, partition, offset, %error,
                        "a record is no message of ours and is passed over; if it was one, its sequence is missing now"
                    );
                    self.tracker.pass(topic, partition, offset);
                }
                Content::Lost { low } => self.begin_at(topic, partition, low),
                Content::Extent { low, high } => self.tracker.extends(topic, partition, low, high),
            }
        }
    }

    fn take_message(&mut self, topic: &'static Topic, partition: u16, offset: i64, body: Body) {
        let verdict = self.tracker.receive(topic, partition, offset, &body.envelope);
        let (input, reread) = match verdict {
            Verdict::Drop | Verdict::Hold => return,
            Verdict::Doubt => {
                self.ask_histories();
                return;
            }
            Verdict::Stop(reason) => {
                tracing::error!(topic = topic.name, partition, offset, reason, "lane stopped");
                return;
            }
            Verdict::Apply(input) => (input, None),
            Verdict::ApplyAndReread(input, from) => (input, Some(from)),
        };
        let Body { key, envelope, payload } = body;
        self.schedule(Incoming { input, topic, partition, offset, key, envelope, payload });
        if let Some(from) = reread {
            tracing::info!(
                topic = topic.name,
                partition,
                from,
                "missing message has come, reading again from the gap"
            );
            let assignment = self.tracker.reread(topic, partition, from);
            self.parts.consumer.assign(assignment.into_iter().collect());
        }
    }

    /// Adds a message that its lane admits to the next batch.
    pub(super) fn schedule(&mut self, mut message: Incoming) {
        if self.parts.handler.concerns(&message.envelope.message_type) {
            self.spans.begin(&mut message);
        }
        if self.pending.is_empty() {
            self.pending_since = Instant::now();
        }
        self.pending.push(message);
    }

    /// The topic has lost the position where reading was to go on.
    fn begin_at(&mut self, topic: &'static Topic, partition: u16, low: i64) {
        let Some((assignment, lost)) = self.tracker.begin_at(topic, partition, low) else { return };
        if let Some(lost) = lost {
            tracing::warn!(
                topic = topic.name,
                partition,
                lost,
                beginning = low,
                "the topic no longer has the position where reading goes on, reading from its beginning"
            );
        }
        self.parts.consumer.assign(vec![assignment]);
    }
}
