//! A service's handler, and what could be seen of its transactions.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use bowline_messaging::{Batch, ExecuteError, Executed, Handler};
use uuid::Uuid;

/// What was seen and is not yet in the trace.
pub(crate) type Seen = Arc<Mutex<String>>;

/// Does what the handler does, and writes it down.
pub(crate) struct Witness<H> {
    handler: H,
    seen: Seen,
}

impl<H> Witness<H> {
    pub(crate) fn of(handler: H, seen: Seen) -> Self {
        Self { handler, seen }
    }

    fn note(&self, line: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push_str(line);
    }
}

impl<H: Handler + Sync> Handler for Witness<H> {
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
        let executed = self.handler.execute(batch).await;
        match &executed {
            Ok(executed) => {
                let left_out = batch.messages().filter(|(_, m)| !executed.admission.allows(m.input)).count();
                if left_out > 0 {
                    let _ = write!(line, "; {left_out} left out");
                }
                for sent in &executed.sent {
                    let (kind, partition) = (short(sent.message.message_type), sent.message.partition);
                    let _ =
                        write!(line, " > {partition}#{} {kind} {}", sent.sequence, number(sent.message.key));
                }
            }
            Err(error) => {
                let _ = write!(line, " failed: {error}");
            }
        }
        line.push(']');
        self.note(&line);
        executed
    }

    fn discard(&mut self) {
        self.handler.discard();
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
