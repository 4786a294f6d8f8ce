//! A service's handler, and what could be seen of its transactions.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use bowline_messaging::{Batch, ExecuteError, Executed, Handler, Incoming};
use bowline_model::saga::Verdict;
use bowline_orders::app::command::Action;
use bowline_payment::app::record_outcome::{Outcome, RecordOutcome};
use bowline_payment_domain::OperationKind;
use uuid::Uuid;

use crate::follower::{Attempt, Committed, Heard, Told};

/// What was seen and has not been looked at yet: in words, and for the models.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<(String, Vec<Attempt>)>>);

impl Seen {
    /// Takes out what was seen.
    pub(crate) fn take(&self) -> (String, Vec<Attempt>) {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, line: &str, attempt: Attempt) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.0.push_str(line);
        seen.1.push(attempt);
    }
}

/// A command that can say what it is about.
pub(crate) trait Tells {
    fn told(&self) -> Option<Told>;
}

impl Tells for bowline_orders::app::command::Command {
    fn told(&self) -> Option<Told> {
        Some(match self {
            Self::Call(call) => match &call.action {
                Action::Place(order) => Told::Place(call.request.key, order.clone()),
                Action::Cancel => Told::Cancel(call.request.key, call.order_id),
            },
            Self::Expire(expiry) => Told::Expire(expiry.order_id, expiry.fence),
        })
    }
}

impl Tells for bowline_inventory::Command {
    fn told(&self) -> Option<Told> {
        None
    }
}

impl Tells for RecordOutcome {
    fn told(&self) -> Option<Told> {
        let (kind, verdict) = match &self.outcome {
            Outcome::Authorized { .. } => (OperationKind::Authorize, Verdict::Done),
            Outcome::Declined { .. } => (OperationKind::Authorize, Verdict::Refused),
            Outcome::Captured => (OperationKind::Capture, Verdict::Done),
            Outcome::CaptureRefused { .. } => (OperationKind::Capture, Verdict::Refused),
            Outcome::Voided => (OperationKind::Void, Verdict::Done),
        };
        Some(Told::Outcome(self.order_id, kind, verdict))
    }
}

impl Tells for Infallible {
    fn told(&self) -> Option<Told> {
        match *self {}
    }
}

/// Does what the handler does, and writes it down.
pub(crate) struct Witness<H> {
    handler: H,
    seen: Seen,
}

impl<H> Witness<H> {
    pub(crate) fn of(handler: H, seen: Seen) -> Self {
        Self { handler, seen }
    }
}

impl<H: Handler<Command: Tells> + Sync> Handler for Witness<H> {
    type Command = H::Command;
    type Reply = H::Reply;

    fn concerns(&self, message_type: &str) -> bool {
        self.handler.concerns(message_type)
    }

    async fn execute(&mut self, batch: &Batch<H::Command>) -> Result<Executed<H::Reply>, ExecuteError> {
        let mut line = format!(" [{} commands", batch.commands.len());
        for (_, message) in batch.messages() {
            let (kind, sequence) = (short(&message.envelope.message_type), message.envelope.sequence);
            let _ = write!(line, ", {}#{sequence} {kind} {}", message.envelope.source, number(message.key));
        }
        let mut attempt = Attempt {
            told: batch.commands.iter().filter_map(Tells::told).collect(),
            heard: batch.messages().map(|(_, message)| heard(message)).collect(),
            committed: None,
        };
        let executed = self.handler.execute(batch).await;
        match &executed {
            Ok(executed) => {
                let admitted = batch.messages().enumerate();
                let admitted = admitted.filter(|(_, (_, m))| executed.admission.allows(m.input));
                let mut committed =
                    Committed { admitted: admitted.map(|(index, _)| index).collect(), sent: Vec::new() };
                let left_out = attempt.heard.len() - committed.admitted.len();
                if left_out > 0 {
                    let _ = write!(line, "; {left_out} left out");
                }
                for sent in &executed.sent {
                    let (kind, partition) = (short(sent.message.message_type), sent.message.partition);
                    let _ =
                        write!(line, " > {partition}#{} {kind} {}", sent.sequence, number(sent.message.key));
                    committed.sent.push((sent.message.key, kind.to_owned()));
                }
                attempt.committed = Some(committed);
            }
            Err(error) => {
                let _ = write!(line, " failed: {error}");
            }
        }
        line.push(']');
        self.seen.add(&line, attempt);
        executed
    }

    fn discard(&mut self) {
        self.handler.discard();
    }
}

fn heard(message: &Incoming) -> Heard {
    Heard {
        topic: message.topic.name,
        partition: message.partition,
        source: message.envelope.source.clone(),
        sequence: message.envelope.sequence,
        order: message.key,
        kind: short(&message.envelope.message_type).to_owned(),
    }
}

/// A message type without its package.
pub(crate) fn short(message_type: &str) -> &str {
    message_type.rsplit('.').next().unwrap_or(message_type)
}

/// An id of the run's own source, as the number that it is.
pub(crate) fn number(id: Uuid) -> u64 {
    id.as_u64_pair().1 & 0xffff_ffff
}
