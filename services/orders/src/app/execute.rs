//! The one transaction of the service: requests of callers and reports of other services, many at a time.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_database::{Database, Fault};
use bowline_event_store::{Context, Decided, Streams};
use bowline_idempotency::{self as idempotency, Answer, Claim, Request};
use bowline_kernel::{Clock, IdSource, OrderId, RequestId};
use bowline_messaging::{Batch, ExecuteError, Executed, Handler, Outbox, Outgoing, PartitionWrites};
use bowline_orders_domain::{self as domain, Canceller, Event};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::reactions::{self, Report};
use crate::app::reply::{Done, Refusal, Reply};
use crate::app::stream::OrderStream;
use crate::app::{publish, view};

/// What a caller asks for.
#[derive(Debug)]
pub struct Command {
    /// Its idempotency key and what it stands for.
    pub request: Request,
    /// The order; minted for a new one.
    pub order_id: OrderId,
    /// W3C trace context of the call.
    pub traceparent: Option<String>,
    /// What is to be done.
    pub action: Action,
}

/// What is to be done with an order.
#[derive(Debug)]
pub enum Action {
    /// Accept it.
    Place(Box<domain::PlaceOrder>),
    /// Give it up, because the customer says so.
    Cancel,
}

/// The write side of the service.
pub struct Orders {
    database: Database,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdSource>,
    streams: Streams<OrderStream>,
    partitions: PartitionWrites,
}

/// What a batch leads to, gathered while it is decided.
#[derive(Default)]
struct Effects {
    messages: Vec<Outgoing>,
    replies: Vec<Reply>,
    answers: Vec<(RequestId, Answer)>,
    unanswered: Vec<RequestId>,
}

impl Orders {
    /// A write side that keeps up to `cached_max` orders in memory between batches.
    pub fn new(
        database: Database,
        outbox: Outbox,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
        cached_max: NonZeroUsize,
    ) -> Self {
        let (streams, partitions) = (Streams::new(cached_max), PartitionWrites::default());
        Self { database, outbox, clock, ids, streams, partitions }
    }

    /// Requests in order of arrival. A repetition gets the answer of the first.
    fn decide_requests(
        &mut self,
        commands: &[Command],
        claims: Vec<Claim>,
        now: DateTime<Utc>,
        effects: &mut Effects,
    ) -> Result<(), ExecuteError> {
        for (command, claim) in commands.iter().zip(claims) {
            let reply = match claim {
                Claim::Answered(answer) => Reply::stored(&answer).map_err(unreadable)?,
                Claim::Mismatch => Reply::KeyReused,
                Claim::RepeatOf(first) => effects.replies[first].clone(),
                Claim::Fresh => self.decide_request(command, now, effects),
            };
            effects.replies.push(reply);
        }
        Ok(())
    }

    fn decide_request(&mut self, command: &Command, now: DateTime<Utc>, effects: &mut Effects) -> Reply {
        let id = command.order_id.uuid();
        let context = Context {
            causation: Some(command.request.key.uuid()),
            correlation: Some(id),
            traceparent: command.traceparent.as_deref(),
            recorded_at: now,
            ids: &*self.ids,
        };
        let asked = match &command.action {
            Action::Place(order) => domain::Command::PlaceOrder((**order).clone()),
            Action::Cancel => domain::Command::CancelOrder { canceller: Canceller::Customer, at: now },
        };
        match self.streams.decide(id, asked, &context) {
            Ok(events) => {
                publish_all(id, &events, &context, &mut effects.messages);
                let version = self.streams.version(id);
                let done = Done { order_id: command.order_id, version };
                effects.answers.push((command.request.key, done.answer()));
                let order = view::order(self.streams.state(id), version);
                Reply::Done(Box::new(order.expect("an order that a request was accepted for is known")))
            }
            Err(domain::Rejection::NotFound) => {
                effects.unanswered.push(command.request.key);
                Reply::NotFound
            }
            Err(rejection) => {
                let refusal = Refusal::of(&rejection);
                effects.answers.push((command.request.key, refusal.answer()));
                Reply::Refused(refusal)
            }
        }
    }

    /// Reports in order within each lane. One that is impossible stops its lane.
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
        match self.streams.decide(report.order_id, report.command, &context) {
            Ok(events) => {
                publish_all(report.order_id, &events, &context, &mut effects.messages);
                Ok(())
            }
            Err(domain::Rejection::NotFound) => {
                tracing::warn!(order_id = %report.order_id, "a report about an unknown order is passed over");
                Ok(())
            }
            Err(rejection) => {
                Err(ExecuteError::Poison { message: report.message, reason: rejection.to_string() })
            }
        }
    }
}

impl Handler for Orders {
    type Command = Command;
    type Reply = Reply;

    fn concerns(&self, message_type: &str) -> bool {
        reactions::concerns(message_type)
    }

    async fn execute(&mut self, batch: &Batch<Command>) -> Result<Executed<Reply>, ExecuteError> {
        let now = self.clock.now();
        let reports = reactions::reports(batch.messages(), now)?;
        let streams = streams_of(&batch.commands, &reports);
        let partitions: Vec<u16> =
            streams.iter().map(|(p, _)| *p).collect::<BTreeSet<_>>().into_iter().collect();
        let requests: Vec<Request> = batch.commands.iter().map(|command| command.request).collect();
        let mut effects = Effects::default();

        let mut transaction = self.database.begin().await?;
        let claims = idempotency::claim(&mut transaction, &requests, now).await.map_err(keys_failed)?;
        let admission = batch.admit(&mut transaction, &mut self.partitions, &partitions).await?;
        for foreign in admission.foreign() {
            self.streams.forget(*foreign);
        }
        self.streams.load(&mut transaction, &streams).await.map_err(events_failed)?;
        self.decide_requests(&batch.commands, claims, now, &mut effects)?;
        for report in reports.into_iter().filter(|report| admission.allows(report.input)) {
            self.decide_report(report, now, &mut effects)?;
        }
        self.streams.append(&mut transaction).await.map_err(events_failed)?;
        idempotency::store(&mut transaction, &effects.answers).await.map_err(keys_failed)?;
        idempotency::release(&mut transaction, &effects.unanswered).await.map_err(keys_failed)?;
        let sent = batch.finish(&mut transaction, &admission, &self.outbox, effects.messages).await?;
        transaction.commit().await?;

        self.streams.confirm();
        self.partitions.confirm();
        Ok(Executed { replies: effects.replies, sent, admission })
    }

    fn discard(&mut self) {
        self.streams.discard();
        self.partitions.discard();
    }
}

/// The streams that a batch touches, each once, with their partitions.
fn streams_of(commands: &[Command], reports: &[Report]) -> Vec<(u16, Uuid)> {
    let asked = commands.iter().map(|command| command.order_id.uuid());
    let mut streams: Vec<(u16, Uuid)> = asked
        .chain(reports.iter().map(|report| report.order_id))
        .map(|id| (partition::of_key(id, PARTITIONS), id))
        .collect();
    streams.sort_unstable();
    streams.dedup();
    streams
}

fn publish_all(order: Uuid, events: &[Decided<Event>], context: &Context<'_>, messages: &mut Vec<Outgoing>) {
    for decided in events {
        publish::publish(order, decided, context, messages);
    }
}

fn keys_failed(error: idempotency::Error) -> ExecuteError {
    failed(error.fault(), error)
}

fn events_failed(error: bowline_event_store::Error) -> ExecuteError {
    failed(error.fault(), error)
}

fn unreadable(error: serde_json::Error) -> ExecuteError {
    failed(Fault::Refused, error)
}

fn failed(fault: Fault, source: impl std::error::Error + Send + Sync + 'static) -> ExecuteError {
    ExecuteError::Other { fault, source: Box::new(source) }
}
