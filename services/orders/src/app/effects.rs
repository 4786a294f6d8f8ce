//! What a batch leads to, gathered while it is decided.

use std::collections::BTreeMap;

use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_event_store::{Context, Streams};
use bowline_idempotency::Answer;
use bowline_kernel::RequestId;
use bowline_messaging::Outgoing;
use bowline_orders_domain::{Command as Decision, DeadlineLimits, Rejection, State};
use uuid::Uuid;

use crate::app::command::Command;
use crate::app::publish;
use crate::app::reply::Reply;
use crate::app::sagas::Milestone;
use crate::app::stream::OrderStream;
use crate::infra::deadlines::Row;

/// What a batch leads to.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) messages: Vec<Outgoing>,
    /// To callers, in the order of their calls.
    pub(super) replies: Vec<Reply>,
    /// To deadlines that have passed, in their order.
    pub(super) expired: Vec<Reply>,
    pub(super) answers: Vec<(RequestId, Answer)>,
    pub(super) unanswered: Vec<RequestId>,
    /// The orders whose deadlines are to be written, and whether they may have had one before.
    pub(super) moved: BTreeMap<Uuid, bool>,
    /// To be counted once they are committed.
    pub(super) milestones: Vec<Milestone>,
}

impl Effects {
    /// Decides, and notes what is to be published and whose deadline changes. Returns the number of events.
    pub(super) fn decide(
        &mut self,
        streams: &mut Streams<OrderStream>,
        id: Uuid,
        command: Decision,
        context: &Context<'_>,
    ) -> Result<usize, Rejection> {
        let was_pending = is_pending(streams.state(id));
        let events = streams.decide(id, command, context)?;
        if !events.is_empty() {
            self.moved.entry(id).or_insert(was_pending);
        }
        for decided in &events {
            publish::publish(id, decided, context, &mut self.messages);
            self.milestones.extend(Milestone::of(&decided.event, streams.state(id), was_pending));
        }
        Ok(events.len())
    }

    /// The deadlines of the orders that have moved, as their states are now, and the orders that have none any more.
    pub(super) fn deadlines(
        &self,
        streams: &Streams<OrderStream>,
        limits: &DeadlineLimits,
    ) -> (Vec<Row>, Vec<Uuid>) {
        let (mut set, mut ended) = (Vec::new(), Vec::new());
        for (&order_id, &had_one) in &self.moved {
            match limits.deadline(streams.state(order_id)) {
                Some(deadline) => set.push(Row {
                    order_id,
                    partition: partition::of_key(order_id, PARTITIONS),
                    awaited: deadline.awaited,
                    fence: streams.version(order_id),
                    due_at: deadline.due_at,
                }),
                None if had_one => ended.push(order_id),
                None => {}
            }
        }
        (set, ended)
    }

    /// The replies in the order of the commands.
    pub(super) fn into_replies(self, commands: &[Command]) -> Vec<Reply> {
        let (mut calls, mut expired) = (self.replies.into_iter(), self.expired.into_iter());
        let next = |command: &Command| match command {
            Command::Call(_) => calls.next(),
            Command::Expire(_) => expired.next(),
        };
        commands.iter().map(next).map(|reply| reply.expect("every command was decided")).collect()
    }
}

const fn is_pending(state: &State) -> bool {
    match state {
        State::Pending { .. } => true,
        State::Unknown | State::Confirmed { .. } | State::Cancelled { .. } => false,
    }
}
