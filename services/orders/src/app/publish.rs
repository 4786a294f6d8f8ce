//! From stored events to public messages: the only bridge between the two vocabularies.

use bowline_contracts::convert::{money, timestamp};
use bowline_contracts::events::Published;
use bowline_contracts::orders::v1;
use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_contracts::{inventory, payment};
use bowline_event_store::{Context, Decided};
use bowline_fault_points::{Sabotage, is_broken};
use bowline_messaging::Outgoing;
use bowline_orders_domain::{
    Compensation, Event, OrderCancelled, OrderConfirmed, OrderFinished, OrderPlaced, Public,
};
use bytes::Bytes;
use uuid::Uuid;

use crate::app::view;

/// Adds the messages that `decided` is published as: the event itself, if it is public, then the commands that undo
/// what has to be undone with it.
pub(crate) fn publish(
    order: Uuid,
    decided: &Decided<Event>,
    context: &Context<'_>,
    messages: &mut Vec<Outgoing>,
) {
    let event_id = decided.id.uuid();
    let send = Sender { order, context, causation: context.causation };
    match decided.event.public() {
        Some(Public::Placed(event)) => messages.push(send.event(event_id, &placed(event))),
        Some(Public::Confirmed(event)) => messages.push(send.event(event_id, &confirmed(order, event))),
        Some(Public::Cancelled(event)) => messages.push(send.event(event_id, &cancelled(order, event))),
        Some(Public::Finished(event)) => messages.push(send.event(event_id, &finished(order, event))),
        None => {}
    }
    let send = Sender { causation: Some(event_id), ..send };
    let order_id = order.to_string();
    if is_broken(Sabotage::DropCompensation) {
        return;
    }
    messages.extend(decided.event.compensations().iter().map(|compensation| match compensation {
        Compensation::ReleaseStock => {
            send.command(&inventory::v1::ReleaseStock { order_id: order_id.clone() })
        }
        Compensation::RestockOrder => {
            send.command(&inventory::v1::RestockOrder { order_id: order_id.clone() })
        }
        Compensation::VoidPayment => send.command(&payment::v1::VoidPayment { order_id: order_id.clone() }),
    }));
}

struct Sender<'a> {
    order: Uuid,
    context: &'a Context<'a>,
    causation: Option<Uuid>,
}

impl Sender<'_> {
    fn event<M: Published>(&self, id: Uuid, message: &M) -> Outgoing {
        Outgoing {
            topic: M::topic(),
            key: self.order,
            partition: partition::of_key(self.order, PARTITIONS),
            id,
            message_type: M::TYPE,
            time: self.context.recorded_at,
            causation: self.causation,
            traceparent: self.context.traceparent.map(str::to_owned),
            payload: Bytes::from(message.encode_to_vec()),
        }
    }

    fn command<M: Published>(&self, message: &M) -> Outgoing {
        self.event(self.context.ids.next_id(), message)
    }
}

fn placed(event: &OrderPlaced) -> v1::OrderPlaced {
    v1::OrderPlaced {
        order_id: event.order_id.to_string(),
        customer_id: event.customer_id.as_str().to_owned(),
        lines: event.lines.iter().map(view::line).collect(),
        total: Some(money(event.total)),
        payment_token: event.payment_token.as_str().to_owned(),
        placed_time: Some(timestamp(event.placed_at)),
        country: event.country.as_ref().map(|country| country.as_str().to_owned()).unwrap_or_default(),
    }
}

fn confirmed(order: Uuid, event: &OrderConfirmed) -> v1::OrderConfirmed {
    v1::OrderConfirmed {
        order_id: order.to_string(),
        placed_time: Some(timestamp(event.placed_at)),
        confirmed_time: Some(timestamp(event.confirmed_at)),
    }
}

fn cancelled(order: Uuid, event: &OrderCancelled) -> v1::OrderCancelled {
    v1::OrderCancelled {
        order_id: order.to_string(),
        reason: view::reason(event.reason).into(),
        cancelled_time: Some(timestamp(event.cancelled_at)),
    }
}

fn finished(order: Uuid, event: &OrderFinished) -> v1::OrderFinished {
    let (status, reason) = view::outcome(event.outcome);
    v1::OrderFinished {
        order_id: order.to_string(),
        status: status.into(),
        cancel_reason: reason.into(),
        finished_time: Some(timestamp(event.finished_at)),
    }
}
