//! The spans of messages from their intake to the commit of their effects, and those of the batches that carry them.
//!
//! A message whose trace is sampled has the context of its span in its envelope from here on, so that whatever a handler
//! makes of it follows from this span without the handler knowing. Of the others nothing is kept.

use std::collections::HashMap;

use bowline_database::Fault;
use bowline_traces::{Kind, Span, batch};

use crate::batch::{Admission, Batch};
use crate::inbox::{Incoming, InputId};
use crate::spans::{About, of_message};

/// By lane and sequence: the partition, and the span.
#[derive(Debug, Default)]
pub(super) struct InHand {
    open: HashMap<(InputId, i64), (u16, Span)>,
}

impl InHand {
    /// The message will be applied.
    pub(super) fn begin(&mut self, message: &mut Incoming) {
        let about = About {
            topic: message.topic.name,
            partition: message.partition,
            key: message.key,
            envelope: &message.envelope,
        };
        if let Some(mut span) = of_message(Kind::Consumer, &about) {
            span.set("messaging.kafka.offset", message.offset);
            message.envelope.traceparent = Some(span.traceparent().to_owned());
            self.open.insert(place(message), (message.partition, span));
        }
    }

    /// A batch is about to be executed. Its span has a trace of its own, because it belongs to many, and links to the
    /// spans that it carries, as those do to it. `None` if nothing of it is sampled.
    pub(super) fn attempt<C>(
        &mut self,
        work: &Batch<C>,
        of_command: impl Fn(&C) -> Option<&str>,
    ) -> Option<Span> {
        let of_commands = work.commands.iter().map(of_command);
        let mut span = if self.open.is_empty() {
            batch("batch", of_commands)?
        } else {
            let carried = sampled(&work.messages).filter(|message| self.open.contains_key(&place(message)));
            let of_messages = carried.map(|message| message.envelope.traceparent.as_deref());
            batch("batch", of_commands.chain(of_messages))?
        };
        let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
        span.set("bowline.batch.commands", count(work.commands.len()));
        span.set("bowline.batch.messages", count(work.messages.len()));
        for message in sampled(&work.messages) {
            if let Some((_, carried)) = self.open.get_mut(&place(message)) {
                carried.link(&span);
            }
        }
        Some(span)
    }

    /// The batch is committed: what it applied is done, and what it parked has failed. What was left out is begun anew.
    pub(super) fn committed<C>(&mut self, work: &Batch<C>, admission: &Admission) {
        if self.open.is_empty() {
            return;
        }
        for (index, message) in work.messages.iter().enumerate() {
            if !is_sampled(message) || !admission.allows(message.input) {
                continue;
            }
            if let Some((_, mut span)) = self.open.remove(&place(message))
                && work.parked.contains_key(&index)
            {
                span.fail("parked: an operator decides");
            }
        }
    }

    /// The attempt has come to nothing.
    pub(super) fn failed(&mut self, attempt: Option<Span>, messages: &[Incoming], fault: Fault) {
        let Some(mut attempt) = attempt else { return };
        let reason = match fault {
            Fault::Unavailable => "the database is away",
            Fault::Conflict => "another transaction was in the way",
            Fault::Refused => "it cannot be applied",
            Fault::Bug => "the program is wrong",
        };
        attempt.fail(reason);
        for message in sampled(messages) {
            if let Some((_, span)) = self.open.get_mut(&place(message)) {
                span.note("attempt failed", reason);
            }
        }
    }

    /// These messages are not tried again for now.
    pub(super) fn give_up(&mut self, messages: &[Incoming]) {
        for message in sampled(messages) {
            if let Some((_, mut span)) = self.open.remove(&place(message)) {
                span.fail("it still cannot be applied");
            }
        }
    }

    /// A lane goes no further than to this message.
    pub(super) fn stop(&mut self, culprit: &Incoming) {
        let (input, from) = place(culprit);
        self.end(|(of, sequence), _| *of == input && *sequence >= from, "the lane has stopped");
    }

    /// A partition is left: whoever has it next applies what is not applied.
    pub(super) fn leave(&mut self, partition: u16) {
        self.end(|_, of| of == partition, "left to the next owner of the partition");
    }

    fn end(&mut self, which: impl Fn(&(InputId, i64), u16) -> bool, reason: &'static str) {
        for (_, (_, mut span)) in self.open.extract_if(|place, (partition, _)| which(place, *partition)) {
            span.fail(reason);
        }
    }
}

/// Those that may have a span.
fn sampled(messages: &[Incoming]) -> impl Iterator<Item = &Incoming> {
    messages.iter().filter(|message| is_sampled(message))
}

fn is_sampled(message: &Incoming) -> bool {
    bowline_traces::is_sampled(message.envelope.traceparent.as_deref())
}

fn place(message: &Incoming) -> (InputId, i64) {
    (message.input, message.envelope.sequence)
}
