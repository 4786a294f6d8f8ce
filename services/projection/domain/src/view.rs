//! An order as readers see it.

use bowline_kernel::{CustomerId, Money};
use chrono::{DateTime, Utc};

use crate::{CancelReason, OrderLine, OrderStatus, Patch, PaymentState, StockStatus};

/// An order with everything known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderView {
    /// Who placed it.
    pub customer_id: CustomerId,
    /// The customer's country, empty when unknown.
    pub country: String,
    /// The lines as priced.
    pub lines: Vec<OrderLine>,
    /// Units over all lines.
    pub item_count: u64,
    /// The sum of all lines.
    pub total: Money,
    /// Where the order stands.
    pub status: OrderStatus,
    /// Why it was cancelled.
    pub cancel_reason: Option<CancelReason>,
    /// What inventory last reported.
    pub stock_status: Option<StockStatus>,
    /// When inventory last reported something.
    pub stock_at: Option<DateTime<Utc>>,
    /// What payment last reported.
    pub payment_state: Option<PaymentState>,
    /// When payment last reported something.
    pub payment_at: Option<DateTime<Utc>>,
    /// Why the authorisation was declined or the capture refused.
    pub payment_failure: Option<String>,
    /// The amount authorised, in the order's currency.
    pub authorized: Money,
    /// The amount captured.
    pub captured: Money,
    /// The amount voided.
    pub voided: Money,
    /// When it was accepted.
    pub placed_at: DateTime<Utc>,
    /// When it was confirmed.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// When it was cancelled.
    pub cancelled_at: Option<DateTime<Utc>>,
    /// When it was finished; until then something is left to do or to undo.
    pub finished_at: Option<DateTime<Utc>>,
}

impl OrderView {
    /// True once nothing is left to do or to undo.
    pub const fn finished(&self) -> bool {
        self.finished_at.is_some()
    }
}

impl Patch {
    /// The row as readers see it; `None` as long as `OrderPlaced` has not been folded.
    pub fn view(self) -> Option<OrderView> {
        let Self { orders, inventory, payment } = self;
        let total = orders.total?;
        let amount = |minor: Option<i64>| Money::new(minor.unwrap_or(0), total.currency);
        Some(OrderView {
            customer_id: orders.customer_id?,
            country: orders.country?,
            lines: orders.lines?,
            item_count: orders.item_count?,
            total,
            status: orders.status?,
            cancel_reason: orders.cancel_reason,
            stock_status: inventory.stock_status,
            stock_at: inventory.stock_at,
            payment_state: payment.payment_state,
            payment_at: payment.payment_at,
            authorized: amount(payment.authorized_minor),
            captured: amount(payment.captured_minor),
            voided: amount(payment.voided_minor),
            payment_failure: payment.payment_failure,
            placed_at: orders.placed_at?,
            confirmed_at: orders.confirmed_at,
            cancelled_at: orders.cancelled_at,
            finished_at: orders.finished_at,
        })
    }
}
