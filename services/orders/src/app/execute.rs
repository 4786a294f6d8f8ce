//! The one transaction of the service: requests of callers and reports of other services, many at a time.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_database::{Database, Fault};
use bowline_event_store::{Context, Streams};
use bowline_idempotency::{self as idempotency, Claim, Request};
use bowline_kernel::{Clock, IdSource};
use bowline_messaging::{Batch, ExecuteError, Executed, Handler, Outbox, PartitionWrites};
use bowline_orders_domain::{self as domain, Canceller, DeadlineLimits};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::command::{Action, Call, Command, Expiry};
use crate::app::effects::Effects;
use crate::app::reactions::{self, Report};
use crate::app::reply::{Done, Expired, Refusal, Reply};
use crate::app::sagas::Sagas;
use crate::app::stream::OrderStream;
use crate::app::view;
use crate::infra::deadlines;

/// The write side of the service.
pub struct Orders {
    database: Database,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    streams: Streams<OrderStream>,
    partitions: PartitionWrites,
    limits: DeadlineLimits,
    sagas: Sagas,
}

impl Orders {
    /// A write side that keeps up to `cached_max` orders in memory between batches.
    pub fn new(
        database: Database,
        outbox: Outbox,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        cached_max: NonZeroUsize,
        limits: DeadlineLimits,
    ) -> Self {
        let (streams, partitions) = (Streams::new(cached_max), PartitionWrites::default());
        Self { database, outbox, clock, ids, streams, partitions, limits, sagas: Sagas::default() }
    }

    /// What its sagas come to.
    pub fn sagas(&self) -> Sagas {
        self.sagas.clone()
    }

    /// Requests in order of arrival. A repetition gets the answer of the first.
    fn decide_calls(
        &mut self,
        calls: &[&Call],
        claims: Vec<Claim>,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Result<(), ExecuteError> {
        for (call, claim) in calls.iter().zip(claims) {
            let reply = match claim {
                Claim::Answered(answer) => Reply::stored(&answer).map_err(unreadable)?,
                Claim::Mismatch => Reply::KeyReused,
                Claim::RepeatOf(first) => effects.replies[first].clone(),
                Claim::Fresh => self.decide_call(call, now, effects),
            };
            effects.replies.push(reply);
        }
        Ok(())
    }

    fn decide_call(&mut self, call: &Call, now: DateTime<Utc>, effects: &mut Effects) -> Reply {
        let id = call.order_id.uuid();
        let context = Context {
            causation: Some(call.request.key.uuid()),
            correlation: Some(id),
            traceparent: call.traceparent.as_deref(),
            recorded_at: now,
            ids: &*self.ids,
        };
        let asked = match &call.action {
            Action::Place(order) => domain::Command::PlaceOrder((**order).clone()),
            Action::Cancel => domain::Command::CancelOrder { canceller: Canceller::Customer, at: now },
        };
        match effects.decide(&mut self.streams, id, asked, &context) {
            Ok(_) => {
                let version = self.streams.version(id);
                let done = Done { order_id: call.order_id, version };
                effects.answers.push((call.request.key, done.answer()));
                let order = view::order(self.streams.state(id), version);
                Reply::Done(Box::new(order.expect("an order that a request was accepted for is known")))
            }
            Err(domain::Rejection::NotFound) => {
                effects.unanswered.push(call.request.key);
                Reply::NotFound
            }
            Err(rejection) => {
                let refusal = Refusal::of(&rejection);
                effects.answers.push((call.request.key, refusal.answer()));
                Reply::Refused(refusal)
            }
        }
    }

    /// Reports in order within each lane. One that is impossible is named, so that it is parked.
    fn decide_report(
        &mut self,
        report: Report,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Result<(), ExecuteError> {
        let context = Context {
            causation: Some(report.causation),
            correlation: Some(report.order_id),
            traceparent: report.traceparent.as_deref(),
            recorded_at: now,
            ids: &*self.ids,
        };
        match effects.decide(&mut self.streams, report.order_id, report.command, &context) {
            Ok(_) => Ok(()),
            Err(domain::Rejection::NotFound) => {
                tracing::warn!(order_id = %report.order_id, "a report about an unknown order is passed over");
                Ok(())
            }
            Err(rejection) => {
                Err(ExecuteError::Poison { message: report.message, reason: rejection.to_string() })
            }
        }
    }

    /// A deadline gives the order up that it was set for, and no later state of it.
    fn decide_expiry(
        &mut self,
        expiry: &Expiry,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Result<(), ExecuteError> {
        let id = expiry.order_id.uuid();
        // A row that brings nothing about is written anew, or it would come again and again.
        effects.moved.entry(id).or_insert(true);
        let context = Context {
            causation: None,
            correlation: Some(id),
            traceparent: expiry.traceparent.as_deref(),
            recorded_at: now,
            ids: &*self.ids,
        };
        let mut expired = Expired::OutOfDate;
        if self.streams.version(id) == expiry.fence {
            let cancel = domain::Command::CancelOrder { canceller: Canceller::Deadline, at: now };
            if effects.decide(&mut self.streams, id, cancel, &context).map_err(undecided)? > 0 {
                expired = Expired::Cancelled;
            }
        }
        effects.expired.push(Reply::Expired(expired));
        Ok(())
    }
}

impl Handler for Orders {
    type Command = Command;
    type Reply = Reply;

    fn concerns(&self, message_type: &str) -> bool {
        reactions::concerns(message_type)
    }

    fn traceparent(command: &Command) -> Option<&str> {
        command.traceparent()
    }

    async fn execute(&mut self, batch: &Batch<Command>) -> Result<Executed<Reply>, ExecuteError> {
        let now = self.clock.now();
        let reports = reactions::reports(batch.messages(), now)?;
        let streams = streams_of(&batch.commands, &reports);
        let partitions: Vec<u16> =
            streams.iter().map(|(p, _)| *p).collect::<BTreeSet<_>>().into_iter().collect();
        let calls: Vec<&Call> = batch.commands.iter().filter_map(Command::call).collect();
        let requests: Vec<Request> = calls.iter().map(|call| call.request).collect();
        let mut effects = Effects::default();

        let mut transaction = self.database.begin().await?;
        let claims = idempotency::claim(&mut transaction, &requests, now).await.map_err(keys_failed)?;
        let admission = batch.admit(&mut transaction, &mut self.partitions, &partitions).await?;
        for foreign in admission.foreign() {
            self.streams.forget(*foreign);
        }
        self.streams.load(&mut transaction, &streams).await.map_err(events_failed)?;
        self.decide_calls(&calls, claims, now, &mut effects)?;
        for report in reports.into_iter().filter(|report| admission.allows(report.input)) {
            self.decide_report(report, now, &mut effects)?;
        }
        // Last, so that an answer in the same batch is in time.
        for command in &batch.commands {
            match command {
                Command::Call(_) => {}
                Command::Expire(expiry) => self.decide_expiry(expiry, now, &mut effects)?,
            }
        }
        self.streams.append(&mut transaction).await.map_err(events_failed)?;
        let (begun, ended) = effects.deadlines(&self.streams, &self.limits);
        deadlines::write(&mut transaction, &begun, &ended).await?;
        idempotency::store(&mut transaction, &effects.answers).await.map_err(keys_failed)?;
        idempotency::release(&mut transaction, &effects.unanswered).await.map_err(keys_failed)?;
        let messages = std::mem::take(&mut effects.messages);
        let sent = batch.finish(&mut transaction, &admission, &self.outbox, messages).await?;
        transaction.commit().await?;

        self.streams.confirm();
        self.partitions.confirm();
        self.sagas.count(&effects.milestones);
        Ok(Executed { replies: effects.into_replies(&batch.commands), sent, admission })
    }

    fn discard(&mut self) {
        self.streams.discard();
        self.partitions.discard();
    }
}

/// The streams that a batch touches, each once, with their partitions.
fn streams_of(commands: &[Command], reports: &[Report]) -> Vec<(u16, Uuid)> {
    let asked = commands.iter().map(|command| command.order_id().uuid());
    let mut streams: Vec<(u16, Uuid)> = asked
        .chain(reports.iter().map(|report| report.order_id))
        .map(|id| (partition::of_key(id, PARTITIONS), id))
        .collect();
    streams.sort_unstable();
    streams.dedup();
    streams
}

fn keys_failed(error: idempotency::Error) -> ExecuteError {
    failed(error.fault(), error)
}

fn events_failed(error: bowline_event_store::Error) -> ExecuteError {
    failed(error.fault(), error)
}

/// A deadline is never refused: a state that it has no effect on takes it without an event.
fn undecided(rejection: domain::Rejection) -> ExecuteError {
    failed(Fault::Bug, rejection)
}

fn unreadable(error: serde_json::Error) -> ExecuteError {
    failed(Fault::Refused, error)
}

fn failed(fault: Fault, source: impl std::error::Error + Send + Sync + 'static) -> ExecuteError {
    ExecuteError::Other { fault, source: Box::new(source) }
}
