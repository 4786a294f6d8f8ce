//! Orders: its real decider, what it publishes, and what it makes of reports.

use bowline_inventory_domain as inventory;
use bowline_kernel::Decider;
use bowline_orders_domain::{Command, Compensation, Event, Line, OrderDecider, Rejection, State};

use super::message::Message;
use super::world::{AT, Saga};

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
    match event {
        Event::OrderPlaced(event) => {
            let line = |line: &Line| inventory::Line { sku: line.sku.clone(), quantity: line.quantity };
            let lines = inventory::Lines::new(event.lines.iter().map(line).collect());
            messages.push(Message::OrderPlaced {
                lines: lines.expect("orders places no order without lines or with a SKU twice"),
                total: event.total,
                payment_token: event.payment_token.clone(),
            });
        }
        Event::OrderConfirmed(_) => messages.push(Message::OrderConfirmed),
        Event::OrderCancelled(_) => messages.push(Message::OrderCancelled),
        Event::OrderFinished(_) => messages.push(Message::OrderFinished),
        Event::StockReservationNoted(_)
        | Event::StockCommitNoted(_)
        | Event::StockReleaseNoted(_)
        | Event::StockRestockNoted(_)
        | Event::CaptureNoted(_)
        | Event::VoidNoted(_) => {}
    }
    messages.extend(event.compensations().iter().map(|compensation| match compensation {
        Compensation::ReleaseStock => Message::ReleaseStock,
        Compensation::RestockOrder => Message::RestockOrder,
        Compensation::VoidPayment => Message::VoidPayment,
    }));
}

/// The originals are `services/orders/src/app/reactions/on_<event>.rs`.
pub(crate) fn reaction(message: &Message) -> Option<Command> {
    let at = AT;
    match *message {
        Message::StockReserved { .. } => Some(Command::StockReserved { at }),
        Message::StockRejected => Some(Command::StockRejected { at }),
        Message::StockCommitted { units } => Some(Command::StockCommitted { units, at }),
        Message::StockReleased { units } => Some(Command::StockReleased { units, at }),
        Message::StockRestocked { units } => Some(Command::StockRestocked { units, at }),
        Message::PaymentAuthorized { amount } => Some(Command::PaymentAuthorized { amount, at }),
        Message::PaymentDeclined => Some(Command::PaymentDeclined { at }),
        Message::PaymentCaptured { amount } => Some(Command::PaymentCaptured { amount, at }),
        Message::PaymentCaptureFailed => Some(Command::PaymentCaptureFailed { at }),
        Message::PaymentVoided { amount } => Some(Command::PaymentVoided { amount, at }),
        Message::OrderPlaced { .. }
        | Message::OrderConfirmed
        | Message::OrderCancelled
        | Message::OrderFinished
        | Message::ReleaseStock
        | Message::RestockOrder
        | Message::VoidPayment => None,
    }
}
