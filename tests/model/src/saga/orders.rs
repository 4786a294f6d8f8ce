//! Orders: its real decider, and what it publishes.

use bowline_inventory_domain as inventory;
use bowline_kernel::Decider;
use bowline_orders_domain::{Command, Compensation, Event, Line, OrderDecider, Public, Rejection, State};

use super::message::Message;
use super::world::Saga;

/// The events that `command` leads to. A report about an unknown order is passed over, as in
/// `services/orders/src/app/execute.rs`.
pub(crate) fn decide(saga: &Saga, command: Command) -> Result<Vec<Event>, Rejection> {
    match OrderDecider::decide(&saga.order, command) {
        Err(Rejection::NotFound) => Ok(Vec::new()),
        decided => decided,
    }
}

/// Keeps `events` and returns what is published with them.
pub(crate) fn store(saga: &mut Saga, events: &[Event]) -> Vec<Message> {
    let mut messages = Vec::new();
    for event in events {
        publish(event, &mut messages);
        if let Event::OrderFinished(finished) = event {
            saga.ends.push(finished.outcome);
        }
        saga.order = OrderDecider::evolve(std::mem::replace(&mut saga.order, State::Unknown), event);
        saga.order_version += 1;
    }
    messages
}

/// The original is `services/orders/src/app/publish.rs`.
fn publish(event: &Event, messages: &mut Vec<Message>) {
    match event.public() {
        Some(Public::Placed(event)) => {
            let line = |line: &Line| inventory::Line { sku: line.sku.clone(), quantity: line.quantity };
            let lines = inventory::Lines::new(event.lines.iter().map(line).collect());
            messages.push(Message::OrderPlaced {
                lines: lines.expect("orders places no order without lines or with a SKU twice"),
                total: event.total,
                payment_token: event.payment_token.clone(),
            });
        }
        Some(Public::Confirmed(_)) => messages.push(Message::OrderConfirmed),
        Some(Public::Cancelled(_)) => messages.push(Message::OrderCancelled),
        Some(Public::Finished(_)) => messages.push(Message::OrderFinished),
        None => {}
    }
    messages.extend(event.compensations().iter().map(|compensation| match compensation {
        Compensation::ReleaseStock => Message::ReleaseStock,
        Compensation::RestockOrder => Message::RestockOrder,
        Compensation::VoidPayment => Message::VoidPayment,
    }));
}
