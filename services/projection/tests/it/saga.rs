//! What the other services tell about an order: each event as the message that carries it and as the domain reads it.

use bowline_contracts::common::v1::Money as MoneyMessage;
use bowline_contracts::events::Published;
use bowline_contracts::{convert, inventory, orders, payment};
use bowline_kernel::{Currency, IdSource as _, Money, OrderId, Quantity, SystemIds};
use bowline_messaging::Incoming;
use bowline_projection_domain::{
    Attempts, CancelReason, Envelope as DomainEnvelope, OrderLine, OrderStatus, PublicEvent, Shortage,
    TimelineEntry,
};
use chrono::{DateTime, TimeDelta, Utc};

/// An event and the message that carries it.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) message: Incoming,
    pub(crate) event: PublicEvent,
}

impl Told {
    /// Says what led to it.
    pub(crate) fn because_of(mut self, cause: &Self) -> Self {
        self.message.envelope.causation = Some(cause.message.envelope.id);
        self
    }

    /// Its line of the timeline.
    pub(crate) fn entry(&self) -> TimelineEntry {
        let envelope = &self.message.envelope;
        let envelope = DomainEnvelope {
            event_id: bowline_kernel::EventId::new(envelope.id),
            event_type: envelope.message_type.clone(),
            causation_id: envelope.causation.map(bowline_kernel::EventId::new),
        };
        TimelineEntry::new(envelope, &self.event)
    }
}

pub(crate) fn new_order() -> OrderId {
    OrderId::new(SystemIds.next_id())
}

/// `seconds` after the beginning of time.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

pub(crate) fn gbp(minor: i64) -> Money {
    Money::new(minor, Currency::GBP)
}

/// An order that is sold, as the services tell it.
pub(crate) fn sold(order: OrderId) -> Vec<Told> {
    let end = vec![captured(order, 6), finished(order, OrderStatus::Confirmed, None, 7)];
    [confirmed_and_committed(order), end].concat()
}

/// A confirmed order whose stock is committed, and which is not paid yet.
fn confirmed_and_committed(order: OrderId) -> Vec<Told> {
    vec![
        placed(order, "17850", 1),
        reserved(order, 2),
        authorized(order, 3),
        confirmed(order, 4),
        committed(order, 5),
    ]
}

/// An order that its customer cancels while it is being arranged.
pub(crate) fn regretted(order: OrderId) -> Vec<Told> {
    let reason = CancelReason::Customer;
    vec![
        placed(order, "guest-1", 1),
        reserved(order, 2),
        cancelled(order, reason, 3),
        authorized(order, 4),
        released(order, 5),
        voided(order, Some(gbp(500)), 6),
        finished(order, OrderStatus::Cancelled, Some(reason), 7),
    ]
}

/// An order whose capture is refused after it was confirmed.
pub(crate) fn refused(order: OrderId) -> Vec<Told> {
    let reason = CancelReason::CaptureFailed;
    let end = vec![
        capture_failed(order, 6),
        voided(order, Some(gbp(500)), 7),
        cancelled(order, reason, 8),
        restocked(order, 9),
        finished(order, OrderStatus::Cancelled, Some(reason), 10),
    ];
    [confirmed_and_committed(order), end].concat()
}

/// An order for which there is no stock, cancelled before payment had heard of it.
pub(crate) fn out_of_stock(order: OrderId) -> Vec<Told> {
    let reason = CancelReason::OutOfStock;
    vec![
        placed(order, "17850", 1),
        rejected(order, 2),
        cancelled(order, reason, 3),
        released(order, 4),
        voided(order, None, 5),
        finished(order, OrderStatus::Cancelled, Some(reason), 6),
    ]
}

/// An order whose payment is declined.
pub(crate) fn unpaid(order: OrderId) -> Vec<Told> {
    let reason = CancelReason::PaymentDeclined;
    vec![
        placed(order, "17850", 1),
        reserved(order, 2),
        declined(order, 3),
        cancelled(order, reason, 4),
        released(order, 5),
        finished(order, OrderStatus::Cancelled, Some(reason), 6),
    ]
}

/// Two lines: five units, 500 pence.
pub(crate) fn placed(order: OrderId, customer: &str, second: i64) -> Told {
    placed_with(order, customer, second, vec![line("A", 2), line("B 1", 3)])
}

/// An order with these lines.
pub(crate) fn placed_with(order: OrderId, customer: &str, second: i64, lines: Vec<OrderLine>) -> Told {
    let total =
        Money::sum(Currency::GBP, lines.iter().map(|line| line.unit_price.times(line.quantity).unwrap()))
            .unwrap();
    let message = orders::v1::OrderPlaced {
        order_id: order.to_string(),
        customer_id: customer.to_owned(),
        lines: lines.iter().map(line_message).collect(),
        total: Some(convert::money(total)),
        payment_token: "tok_visa".to_owned(),
        placed_time: Some(convert::timestamp(at(second))),
        country: "France".to_owned(),
    };
    let event = PublicEvent::OrderPlaced {
        customer_id: customer.parse().unwrap(),
        country: "France".to_owned(),
        lines,
        total,
        placed_at: at(second),
    };
    told(order, &message, second, event)
}

/// A line at 100 pence a unit.
pub(crate) fn line(sku: &str, units: u32) -> OrderLine {
    OrderLine {
        sku: sku.parse().unwrap(),
        name: format!("WHITE \"{sku}\" HOLDER"),
        quantity: Quantity::new(units).unwrap(),
        unit_price: gbp(100),
    }
}

pub(crate) fn confirmed(order: OrderId, second: i64) -> Told {
    let message = orders::v1::OrderConfirmed {
        order_id: order.to_string(),
        placed_time: Some(convert::timestamp(at(1))),
        confirmed_time: Some(convert::timestamp(at(second))),
    };
    told(order, &message, second, PublicEvent::OrderConfirmed { confirmed_at: at(second) })
}

pub(crate) fn cancelled(order: OrderId, reason: CancelReason, second: i64) -> Told {
    let message = orders::v1::OrderCancelled {
        order_id: order.to_string(),
        reason: reason_message(reason).into(),
        cancelled_time: Some(convert::timestamp(at(second))),
    };
    told(order, &message, second, PublicEvent::OrderCancelled { reason, cancelled_at: at(second) })
}

pub(crate) fn finished(
    order: OrderId,
    status: OrderStatus,
    cancel_reason: Option<CancelReason>,
    second: i64,
) -> Told {
    let finished_at = at(second);
    let end = match status {
        OrderStatus::Pending => orders::v1::OrderStatus::Pending,
        OrderStatus::Confirmed => orders::v1::OrderStatus::Confirmed,
        OrderStatus::Cancelled => orders::v1::OrderStatus::Cancelled,
    };
    let message = orders::v1::OrderFinished {
        order_id: order.to_string(),
        status: end.into(),
        cancel_reason: cancel_reason.map_or(orders::v1::CancelReason::Unspecified, reason_message).into(),
        finished_time: Some(convert::timestamp(finished_at)),
    };
    told(order, &message, second, PublicEvent::OrderFinished { status, cancel_reason, finished_at })
}

pub(crate) fn reserved(order: OrderId, second: i64) -> Told {
    let message = inventory::v1::StockReserved {
        order_id: order.to_string(),
        lines: vec![units("A", 2), units("B 1", 3)],
        total: Some(convert::money(gbp(500))),
        payment_token: "tok_visa".to_owned(),
        reserved_time: Some(convert::timestamp(at(second))),
    };
    told(order, &message, second, PublicEvent::StockReserved { units: 5, lines: 2, reserved_at: at(second) })
}

pub(crate) fn rejected(order: OrderId, second: i64) -> Told {
    let message = inventory::v1::StockRejected {
        order_id: order.to_string(),
        shortages: vec![units("A", 1)],
        rejected_time: Some(convert::timestamp(at(second))),
    };
    let shortages = vec![Shortage { sku: "A".parse().unwrap(), missing: Quantity::new(1).unwrap() }];
    told(order, &message, second, PublicEvent::StockRejected { shortages, rejected_at: at(second) })
}

pub(crate) fn committed(order: OrderId, second: i64) -> Told {
    let message = inventory::v1::StockCommitted {
        order_id: order.to_string(),
        units: 5,
        committed_time: Some(convert::timestamp(at(second))),
    };
    told(order, &message, second, PublicEvent::StockCommitted { units: 5, committed_at: at(second) })
}

pub(crate) fn released(order: OrderId, second: i64) -> Told {
    let message = inventory::v1::StockReleased {
        order_id: order.to_string(),
        units: 5,
        released_time: Some(convert::timestamp(at(second))),
    };
    told(order, &message, second, PublicEvent::StockReleased { units: 5, released_at: at(second) })
}

pub(crate) fn restocked(order: OrderId, second: i64) -> Told {
    let message = inventory::v1::StockRestocked {
        order_id: order.to_string(),
        units: 5,
        restocked_time: Some(convert::timestamp(at(second))),
    };
    told(order, &message, second, PublicEvent::StockRestocked { units: 5, restocked_at: at(second) })
}

pub(crate) fn authorized(order: OrderId, second: i64) -> Told {
    let (amount, authorized_at, attempts) = (gbp(500), at(second), Attempts::default());
    let message = payment::v1::PaymentAuthorized {
        order_id: order.to_string(),
        amount: Some(convert::money(amount)),
        authorized_time: Some(convert::timestamp(authorized_at)),
        ..Default::default()
    };
    told(order, &message, second, PublicEvent::PaymentAuthorized { amount, authorized_at, attempts })
}

pub(crate) fn declined(order: OrderId, second: i64) -> Told {
    let reason = "insufficient_funds".to_owned();
    let attempts = Attempts { count: 3, last_failure: "timed_out".to_owned() };
    let message = payment::v1::PaymentDeclined {
        order_id: order.to_string(),
        reason: reason.clone(),
        declined_time: Some(convert::timestamp(at(second))),
        attempts: attempts.count,
        last_failure: attempts.last_failure.clone(),
    };
    told(order, &message, second, PublicEvent::PaymentDeclined { reason, declined_at: at(second), attempts })
}

pub(crate) fn captured(order: OrderId, second: i64) -> Told {
    let (amount, captured_at, attempts) = (gbp(500), at(second), Attempts::default());
    let message = payment::v1::PaymentCaptured {
        order_id: order.to_string(),
        amount: Some(convert::money(amount)),
        captured_time: Some(convert::timestamp(captured_at)),
        ..Default::default()
    };
    told(order, &message, second, PublicEvent::PaymentCaptured { amount, captured_at, attempts })
}

pub(crate) fn capture_failed(order: OrderId, second: i64) -> Told {
    let (reason, failed_at, attempts) = ("expired_card".to_owned(), at(second), Attempts::default());
    let message = payment::v1::PaymentCaptureFailed {
        order_id: order.to_string(),
        reason: reason.clone(),
        failed_time: Some(convert::timestamp(failed_at)),
        ..Default::default()
    };
    told(order, &message, second, PublicEvent::PaymentCaptureFailed { reason, failed_at, attempts })
}

pub(crate) fn voided(order: OrderId, amount: Option<Money>, second: i64) -> Told {
    let (voided_at, attempts) = (at(second), Attempts::default());
    let message = payment::v1::PaymentVoided {
        order_id: order.to_string(),
        amount: Some(amount.map_or_else(MoneyMessage::default, convert::money)),
        voided_time: Some(convert::timestamp(voided_at)),
        ..Default::default()
    };
    told(order, &message, second, PublicEvent::PaymentVoided { amount, voided_at, attempts })
}

fn told<M: Published>(order: OrderId, message: &M, second: i64, event: PublicEvent) -> Told {
    let mut message = bowline_test_support::message(order, message);
    message.envelope.time = at(second);
    Told { message, event }
}

fn line_message(line: &OrderLine) -> orders::v1::OrderLine {
    orders::v1::OrderLine {
        sku: line.sku.to_string(),
        name: line.name.clone(),
        quantity: line.quantity.get(),
        unit_price: Some(convert::money(line.unit_price)),
    }
}

fn units(sku: &str, quantity: u32) -> inventory::v1::SkuQuantity {
    inventory::v1::SkuQuantity { sku: sku.to_owned(), quantity }
}

fn reason_message(reason: CancelReason) -> orders::v1::CancelReason {
    match reason {
        CancelReason::OutOfStock => orders::v1::CancelReason::OutOfStock,
        CancelReason::PaymentDeclined => orders::v1::CancelReason::PaymentDeclined,
        CancelReason::Customer => orders::v1::CancelReason::Customer,
        CancelReason::CaptureFailed => orders::v1::CancelReason::CaptureFailed,
        CancelReason::Deadline => orders::v1::CancelReason::Deadline,
    }
}
