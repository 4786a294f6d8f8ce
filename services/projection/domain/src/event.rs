//! The public events of the three event topics, in the form that the fold reads.

use bowline_kernel::{CustomerId, Money, Quantity, Sku};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{CancelReason, OrderStatus, Source};

/// One line of an order, priced when the order was accepted. Stored as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The stock-keeping unit.
    pub sku: Sku,
    /// The product's name at the time of the order.
    pub name: String,
    /// How many units.
    pub quantity: Quantity,
    /// The price of one unit at the time of the order.
    pub unit_price: Money,
}

/// A SKU of which there was not enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// The stock-keeping unit.
    pub sku: Sku,
    /// How many units were missing.
    pub missing: Quantity,
}

/// What happened to one order; which order it is stands in the message's key. Each time is that of the clock of the
/// service that reported the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicEvent {
    /// Orders accepted the order.
    OrderPlaced {
        /// Who placed it.
        customer_id: CustomerId,
        /// The customer's country as free text, empty when unknown.
        country: String,
        /// The lines as priced.
        lines: Vec<OrderLine>,
        /// The sum of all lines.
        total: Money,
        /// When.
        placed_at: DateTime<Utc>,
    },
    /// Stock is reserved and the payment authorised.
    OrderConfirmed {
        /// When.
        confirmed_at: DateTime<Utc>,
    },
    /// The order was given up.
    OrderCancelled {
        /// Why.
        reason: CancelReason,
        /// When.
        cancelled_at: DateTime<Utc>,
    },
    /// Nothing is left to do or to undo.
    OrderFinished {
        /// The end state.
        status: OrderStatus,
        /// Why it was cancelled, when it was.
        cancel_reason: Option<CancelReason>,
        /// When.
        finished_at: DateTime<Utc>,
    },
    /// Inventory reserved every line.
    StockReserved {
        /// Units over all lines.
        units: u64,
        /// How many lines.
        lines: u32,
        /// When.
        reserved_at: DateTime<Utc>,
    },
    /// At least one line could not be reserved; nothing is.
    StockRejected {
        /// What fell short.
        shortages: Vec<Shortage>,
        /// When.
        rejected_at: DateTime<Utc>,
    },
    /// What was reserved is sold.
    StockCommitted {
        /// Units over all lines.
        units: u64,
        /// When.
        committed_at: DateTime<Utc>,
    },
    /// What was reserved is available again.
    StockReleased {
        /// Units over all lines, zero when there was nothing to release.
        units: u64,
        /// When.
        released_at: DateTime<Utc>,
    },
    /// What was sold or reserved is available again after a failed capture.
    StockRestocked {
        /// Units over all lines, zero when there was nothing to put back.
        units: u64,
        /// When.
        restocked_at: DateTime<Utc>,
    },
    /// The provider holds the order's total.
    PaymentAuthorized {
        /// The amount held.
        amount: Money,
        /// When.
        authorized_at: DateTime<Utc>,
        /// How often the provider was called for it.
        attempts: Attempts,
    },
    /// The provider declined the authorisation for good.
    PaymentDeclined {
        /// Why, in our words.
        reason: String,
        /// When.
        declined_at: DateTime<Utc>,
        /// How often the provider was called for it.
        attempts: Attempts,
    },
    /// The held amount was taken.
    PaymentCaptured {
        /// The amount taken.
        amount: Money,
        /// When.
        captured_at: DateTime<Utc>,
        /// How often the provider was called for it.
        attempts: Attempts,
    },
    /// The provider refused the capture for good.
    PaymentCaptureFailed {
        /// Why, in our words.
        reason: String,
        /// When.
        failed_at: DateTime<Utc>,
        /// How often the provider was called for it.
        attempts: Attempts,
    },
    /// Nothing is held any more, and nothing will be.
    PaymentVoided {
        /// The amount let go; none when nothing had ever been held, so that not even its currency is known.
        amount: Option<Money>,
        /// When.
        voided_at: DateTime<Utc>,
        /// How often the provider was called for it.
        attempts: Attempts,
    },
}

/// How often the provider was called for one operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How often, the call that decided included; 0 when nobody has counted.
    pub count: u32,
    /// What the last call before that failed for, in our words; empty when there was none.
    pub last_failure: String,
}

impl PublicEvent {
    /// The service that reports this kind of event.
    pub const fn source(&self) -> Source {
        match self {
            Self::OrderPlaced { .. }
            | Self::OrderConfirmed { .. }
            | Self::OrderCancelled { .. }
            | Self::OrderFinished { .. } => Source::Orders,
            Self::StockReserved { .. }
            | Self::StockRejected { .. }
            | Self::StockCommitted { .. }
            | Self::StockReleased { .. }
            | Self::StockRestocked { .. } => Source::Inventory,
            Self::PaymentAuthorized { .. }
            | Self::PaymentDeclined { .. }
            | Self::PaymentCaptured { .. }
            | Self::PaymentCaptureFailed { .. }
            | Self::PaymentVoided { .. } => Source::Payment,
        }
    }

    /// When it happened, by the clock of the service that reported it.
    pub const fn happened_at(&self) -> DateTime<Utc> {
        match self {
            Self::OrderPlaced { placed_at: at, .. }
            | Self::OrderConfirmed { confirmed_at: at }
            | Self::OrderCancelled { cancelled_at: at, .. }
            | Self::OrderFinished { finished_at: at, .. }
            | Self::StockReserved { reserved_at: at, .. }
            | Self::StockRejected { rejected_at: at, .. }
            | Self::StockCommitted { committed_at: at, .. }
            | Self::StockReleased { released_at: at, .. }
            | Self::StockRestocked { restocked_at: at, .. }
            | Self::PaymentAuthorized { authorized_at: at, .. }
            | Self::PaymentDeclined { declined_at: at, .. }
            | Self::PaymentCaptured { captured_at: at, .. }
            | Self::PaymentCaptureFailed { failed_at: at, .. }
            | Self::PaymentVoided { voided_at: at, .. } => *at,
        }
    }

    /// How often the payment provider was called for it; 0 for what needs no provider, and when nobody has counted.
    pub const fn attempts(&self) -> u32 {
        match self {
            Self::PaymentAuthorized { attempts, .. }
            | Self::PaymentDeclined { attempts, .. }
            | Self::PaymentCaptured { attempts, .. }
            | Self::PaymentCaptureFailed { attempts, .. }
            | Self::PaymentVoided { attempts, .. } => attempts.count,
            Self::OrderPlaced { .. }
            | Self::OrderConfirmed { .. }
            | Self::OrderCancelled { .. }
            | Self::OrderFinished { .. }
            | Self::StockReserved { .. }
            | Self::StockRejected { .. }
            | Self::StockCommitted { .. }
            | Self::StockReleased { .. }
            | Self::StockRestocked { .. } => 0,
        }
    }

    /// True when the event undoes something: the cancellation itself, a release, a restock or a void.
    pub const fn is_compensation(&self) -> bool {
        match self {
            Self::OrderCancelled { .. }
            | Self::StockReleased { .. }
            | Self::StockRestocked { .. }
            | Self::PaymentVoided { .. } => true,
            Self::OrderPlaced { .. }
            | Self::OrderConfirmed { .. }
            | Self::OrderFinished { .. }
            | Self::StockReserved { .. }
            | Self::StockRejected { .. }
            | Self::StockCommitted { .. }
            | Self::PaymentAuthorized { .. }
            | Self::PaymentDeclined { .. }
            | Self::PaymentCaptured { .. }
            | Self::PaymentCaptureFailed { .. } => false,
        }
    }
}
