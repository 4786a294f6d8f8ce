//! The row of an order in the read model, as a merge of what each event sets.

use bowline_kernel::{CustomerId, Money};
use chrono::{DateTime, Utc};

use crate::{CancelReason, OrderLine, OrderStatus, PaymentState, PublicEvent, StockStatus};

/// Columns of an order's row, each set or not: what one event sets, what a batch sets, or the row itself. No column
/// is ever unset again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patch {
    /// Columns set by events of orders.
    pub orders: OrdersColumns,
    /// Columns set by events of inventory.
    pub inventory: InventoryColumns,
    /// Columns set by events of payment.
    pub payment: PaymentColumns,
}

/// What orders reports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrdersColumns {
    /// Who placed the order.
    pub customer_id: Option<CustomerId>,
    /// The customer's country, empty when unknown.
    pub country: Option<String>,
    /// The lines as priced.
    pub lines: Option<Vec<OrderLine>>,
    /// Units over all lines.
    pub item_count: Option<u64>,
    /// The sum of all lines; stored as two columns, amount and currency.
    pub total: Option<Money>,
    /// Where the order stands.
    pub status: Option<OrderStatus>,
    /// Why it was cancelled.
    pub cancel_reason: Option<CancelReason>,
    /// When it was accepted. Set exactly when the order may be shown.
    pub placed_at: Option<DateTime<Utc>>,
    /// When it was confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it was cancelled.
    pub cancelled_at: Option<DateTime<Utc>>,
    /// When it was finished. Set exactly when it is.
    pub finished_at: Option<DateTime<Utc>>,
}

/// What inventory reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InventoryColumns {
    /// What it last reported.
    pub stock_status: Option<StockStatus>,
    /// When.
    pub stock_at: Option<DateTime<Utc>>,
}

/// What payment reports. Amounts are in minor units of the order's currency.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PaymentColumns {
    /// What it last reported.
    pub payment_state: Option<PaymentState>,
    /// When.
    pub payment_at: Option<DateTime<Utc>>,
    /// The amount authorised.
    pub authorized_minor: Option<i64>,
    /// The amount captured.
    pub captured_minor: Option<i64>,
    /// The amount voided.
    pub voided_minor: Option<i64>,
    /// Why the authorisation was declined or the capture refused.
    pub payment_failure: Option<String>,
}

impl Patch {
    /// The row after `events`, which are in lane order for each source.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a PublicEvent>) -> Self {
        events.into_iter().fold(Self::default(), |row, event| row.merge(Self::from(event)))
    }

    /// Both patches as one; a column that `later` sets is as there. Associative.
    #[must_use]
    pub fn merge(self, later: Self) -> Self {
        Self {
            orders: self.orders.merge(later.orders),
            inventory: self.inventory.merge(later.inventory),
            payment: self.payment.merge(later.payment),
        }
    }
}

impl OrdersColumns {
    fn merge(self, later: Self) -> Self {
        Self {
            customer_id: later.customer_id.or(self.customer_id),
            country: later.country.or(self.country),
            lines: later.lines.or(self.lines),
            item_count: later.item_count.or(self.item_count),
            total: later.total.or(self.total),
            status: later.status.or(self.status),
            cancel_reason: later.cancel_reason.or(self.cancel_reason),
            placed_at: later.placed_at.or(self.placed_at),
            confirmed_at: later.confirmed_at.or(self.confirmed_at),
            cancelled_at: later.cancelled_at.or(self.cancelled_at),
            finished_at: later.finished_at.or(self.finished_at),
        }
    }
}

impl InventoryColumns {
    fn merge(self, later: Self) -> Self {
        Self {
            stock_status: later.stock_status.or(self.stock_status),
            stock_at: later.stock_at.or(self.stock_at),
        }
    }
}

impl PaymentColumns {
    fn merge(self, later: Self) -> Self {
        Self {
            payment_state: later.payment_state.or(self.payment_state),
            payment_at: later.payment_at.or(self.payment_at),
            authorized_minor: later.authorized_minor.or(self.authorized_minor),
            captured_minor: later.captured_minor.or(self.captured_minor),
            voided_minor: later.voided_minor.or(self.voided_minor),
            payment_failure: later.payment_failure.or(self.payment_failure),
        }
    }
}

impl From<OrdersColumns> for Patch {
    fn from(orders: OrdersColumns) -> Self {
        Self { orders, ..Self::default() }
    }
}

impl From<PaymentColumns> for Patch {
    fn from(payment: PaymentColumns) -> Self {
        Self { payment, ..Self::default() }
    }
}

impl From<&PublicEvent> for Patch {
    /// The columns that `event` sets. Amounts are set, never added.
    fn from(event: &PublicEvent) -> Self {
        match event {
            PublicEvent::OrderPlaced { customer_id, country, lines, total, placed_at } => OrdersColumns {
                customer_id: Some(customer_id.clone()),
                country: Some(country.clone()),
                item_count: Some(lines.iter().map(|line| u64::from(line.quantity.get())).sum()),
                lines: Some(lines.clone()),
                total: Some(*total),
                status: Some(OrderStatus::Pending),
                placed_at: Some(*placed_at),
                ..OrdersColumns::default()
            }
            .into(),
            PublicEvent::OrderConfirmed { confirmed_at } => OrdersColumns {
                status: Some(OrderStatus::Confirmed),
                confirmed_at: Some(*confirmed_at),
                ..OrdersColumns::default()
            }
            .into(),
            PublicEvent::OrderCancelled { reason, cancelled_at } => OrdersColumns {
                status: Some(OrderStatus::Cancelled),
                cancel_reason: Some(*reason),
                cancelled_at: Some(*cancelled_at),
                ..OrdersColumns::default()
            }
            .into(),
            // The end state that it repeats is the one that the events before it have set.
            PublicEvent::OrderFinished { status: _, cancel_reason: _, finished_at } => {
                OrdersColumns { finished_at: Some(*finished_at), ..OrdersColumns::default() }.into()
            }
            PublicEvent::StockReserved { reserved_at, .. } => stock(StockStatus::Reserved, *reserved_at),
            PublicEvent::StockRejected { rejected_at, .. } => stock(StockStatus::Rejected, *rejected_at),
            PublicEvent::StockCommitted { committed_at, .. } => stock(StockStatus::Committed, *committed_at),
            PublicEvent::StockReleased { released_at, .. } => stock(StockStatus::Released, *released_at),
            PublicEvent::StockRestocked { restocked_at, .. } => stock(StockStatus::Restocked, *restocked_at),
            PublicEvent::PaymentAuthorized { amount, authorized_at, attempts: _ } => PaymentColumns {
                authorized_minor: Some(amount.minor),
                ..payment(PaymentState::Authorized, *authorized_at)
            }
            .into(),
            PublicEvent::PaymentDeclined { reason, declined_at, attempts: _ } => PaymentColumns {
                payment_failure: Some(reason.clone()),
                ..payment(PaymentState::Declined, *declined_at)
            }
            .into(),
            PublicEvent::PaymentCaptured { amount, captured_at, attempts: _ } => PaymentColumns {
                captured_minor: Some(amount.minor),
                ..payment(PaymentState::Captured, *captured_at)
            }
            .into(),
            PublicEvent::PaymentCaptureFailed { reason, failed_at, attempts: _ } => PaymentColumns {
                payment_failure: Some(reason.clone()),
                ..payment(PaymentState::CaptureFailed, *failed_at)
            }
            .into(),
            PublicEvent::PaymentVoided { amount, voided_at, attempts: _ } => PaymentColumns {
                voided_minor: Some(amount.map_or(0, |amount| amount.minor)),
                ..payment(PaymentState::Voided, *voided_at)
            }
            .into(),
        }
    }
}

fn stock(status: StockStatus, at: DateTime<Utc>) -> Patch {
    let inventory = InventoryColumns { stock_status: Some(status), stock_at: Some(at) };
    Patch { inventory, ..Patch::default() }
}

fn payment(state: PaymentState, at: DateTime<Utc>) -> PaymentColumns {
    PaymentColumns { payment_state: Some(state), payment_at: Some(at), ..PaymentColumns::default() }
}

#[cfg(test)]
mod tests;
