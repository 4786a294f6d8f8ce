//! What can be asked of an order, and what the other services report about it.

use bowline_kernel::{CustomerId, Money, OrderId, PaymentToken};
use chrono::{DateTime, Utc};

use crate::{CancelReason, Country, Lines};

/// A request or a report; `at` is always the time by orders' own clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A customer places an order.
    PlaceOrder(PlaceOrder),
    /// The order is to be given up.
    CancelOrder {
        /// Who asks.
        canceller: Canceller,
        /// When.
        at: DateTime<Utc>,
    },
    /// Inventory has reserved every line.
    StockReserved {
        /// When it became known here.
        at: DateTime<Utc>,
    },
    /// Inventory could not reserve every line, and holds nothing.
    StockRejected {
        /// When it became known here.
        at: DateTime<Utc>,
    },
    /// Inventory has sold what was reserved.
    StockCommitted {
        /// Units over all lines.
        units: u64,
        /// When it became known here.
        at: DateTime<Utc>,
    },
    /// Inventory holds nothing any more; its answer to the command to release.
    StockReleased {
        /// Units that became available again.
        units: u64,
        /// When it became known here.
        at: DateTime<Utc>,
    },
    /// Inventory has put everything back; its answer to the command to restock.
    StockRestocked {
        /// Units that became available again.
        units: u64,
        /// When it became known here.
        at: DateTime<Utc>,
    },
    /// The provider holds the total.
    PaymentAuthorized {
        /// The amount held.
        amount: Money,
        /// When it became known here.
        at: DateTime<Utc>,
    },
    /// The provider declined for good.
    PaymentDeclined {
        /// When it became known here.
        at: DateTime<Utc>,
    },
    /// The provider has taken the total.
    PaymentCaptured {
        /// The amount taken.
        amount: Money,
        /// When it became known here.
        at: DateTime<Utc>,
    },
    /// The provider refused the capture for good; payment voids by itself.
    PaymentCaptureFailed {
        /// When it became known here.
        at: DateTime<Utc>,
    },
    /// The provider holds nothing any more.
    PaymentVoided {
        /// What was let go; `None` when not even the currency was ever known to payment.
        amount: Option<Money>,
        /// When it became known here.
        at: DateTime<Utc>,
    },
}

/// The data of a new order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    /// The id minted for it; its stream must be empty.
    pub order_id: OrderId,
    /// Who orders.
    pub customer_id: CustomerId,
    /// What is ordered, priced.
    pub lines: Lines,
    /// How it will be paid.
    pub payment_token: PaymentToken,
    /// The customer's country, if known.
    pub country: Option<Country>,
    /// When.
    pub at: DateTime<Utc>,
}

/// Who asks for a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Canceller {
    /// The customer: told when it is too late.
    Customer,
    /// A deadline that has passed: has no effect when it is too late.
    Deadline,
}

impl Command {
    /// The command's name for logs and rejections, in snake case.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PlaceOrder(_) => "place_order",
            Self::CancelOrder { .. } => "cancel_order",
            Self::StockReserved { .. } => "stock_reserved",
            Self::StockRejected { .. } => "stock_rejected",
            Self::StockCommitted { .. } => "stock_committed",
            Self::StockReleased { .. } => "stock_released",
            Self::StockRestocked { .. } => "stock_restocked",
            Self::PaymentAuthorized { .. } => "payment_authorized",
            Self::PaymentDeclined { .. } => "payment_declined",
            Self::PaymentCaptured { .. } => "payment_captured",
            Self::PaymentCaptureFailed { .. } => "payment_capture_failed",
            Self::PaymentVoided { .. } => "payment_voided",
        }
    }
}

impl Canceller {
    /// The reason that a cancellation by this party leaves in the order.
    pub const fn reason(self) -> CancelReason {
        match self {
            Self::Customer => CancelReason::Customer,
            Self::Deadline => CancelReason::Deadline,
        }
    }
}
