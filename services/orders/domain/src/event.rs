//! What has happened to an order, as it is stored. Private to orders; other services see the public messages.

use std::fmt;

use bowline_kernel::{CustomerId, Money, OrderId, PaymentToken};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Country, Line};

/// One event of an order's history.
#[derive(Debug, Clone, PartialEq, Eq, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// The order was accepted.
    OrderPlaced(OrderPlaced),
    /// Inventory holds every line; now payment is waited for.
    StockReservationNoted(StockReservationNoted),
    /// Stock and payment are arranged; the customer can no longer cancel.
    OrderConfirmed(OrderConfirmed),
    /// The order was given up.
    OrderCancelled(OrderCancelled),
    /// Inventory has sold the units of the confirmed order.
    StockCommitNoted(StockCommitNoted),
    /// Inventory has released what it held for the cancelled order.
    StockReleaseNoted(StockReleaseNoted),
    /// Inventory has put back the units of the order whose capture failed.
    StockRestockNoted(StockRestockNoted),
    /// Payment has taken the total of the confirmed order.
    CaptureNoted(CaptureNoted),
    /// Payment holds nothing any more for the cancelled order.
    VoidNoted(VoidNoted),
    /// Every effect of the order's end has been reported; the last event.
    OrderFinished(OrderFinished),
}

/// An event that is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Public<'a> {
    /// The order was accepted.
    Placed(&'a OrderPlaced),
    /// Stock and payment are arranged.
    Confirmed(&'a OrderConfirmed),
    /// The order was given up.
    Cancelled(&'a OrderCancelled),
    /// Every effect of the order's end has been reported.
    Finished(&'a OrderFinished),
}

/// The order was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// The order's id.
    pub order_id: OrderId,
    /// Who ordered.
    pub customer_id: CustomerId,
    /// What was ordered, priced; at least one line, no SKU twice.
    pub lines: Vec<Line>,
    /// The sum of all lines.
    pub total: Money,
    /// How it will be paid.
    pub payment_token: PaymentToken,
    /// The customer's country, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Country>,
    /// When.
    pub placed_at: DateTime<Utc>,
}

/// Inventory holds every line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReservationNoted {
    /// When.
    pub noted_at: DateTime<Utc>,
}

/// Stock and payment are arranged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderConfirmed {
    /// When the order had been accepted.
    pub placed_at: DateTime<Utc>,
    /// When it was confirmed.
    pub confirmed_at: DateTime<Utc>,
}

/// The order was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// Why.
    pub reason: CancelReason,
    /// When.
    pub cancelled_at: DateTime<Utc>,
}

/// Inventory has sold the units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockCommitNoted {
    /// Units over all lines.
    pub units: u64,
    /// When.
    pub noted_at: DateTime<Utc>,
}

/// Inventory has released what it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReleaseNoted {
    /// Units that became available again; zero when nothing was held.
    pub units: u64,
    /// When.
    pub noted_at: DateTime<Utc>,
}

/// Inventory has put back the units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockRestockNoted {
    /// Units that became available again.
    pub units: u64,
    /// When.
    pub noted_at: DateTime<Utc>,
}

/// Payment has taken the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureNoted {
    /// The amount taken: the order's total.
    pub amount: Money,
    /// When.
    pub noted_at: DateTime<Utc>,
}

/// Payment holds nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidNoted {
    /// What was let go: the order's total or zero.
    pub amount: Money,
    /// When.
    pub noted_at: DateTime<Utc>,
}

/// Every effect of the order's end has been reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderFinished {
    /// How the order ended.
    pub outcome: Outcome,
    /// When.
    pub finished_at: DateTime<Utc>,
}

/// How an order ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Sold and paid.
    Confirmed,
    /// Given up, for this reason.
    Cancelled(CancelReason),
}

/// Why an order was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, strum::VariantArray)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// At least one line could not be reserved.
    OutOfStock,
    /// The provider declined the authorisation.
    PaymentDeclined,
    /// The customer asked for it before confirmation.
    Customer,
    /// The order had been confirmed, but the provider refused the capture for good.
    CaptureFailed,
    /// A deadline passed before confirmation.
    Deadline,
}

/// What another service must have reported before an order is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The units are sold.
    StockCommitted,
    /// The reservation, if any, is released.
    StockReleased,
    /// The units are put back.
    StockRestocked,
    /// The total is taken.
    PaymentCaptured,
    /// Nothing is held any more.
    PaymentVoided,
}

/// A command to another service that goes out together with an event and undoes what may have been arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compensation {
    /// Inventory releases what it holds for the order.
    ReleaseStock,
    /// Inventory puts back what was sold or reserved for the order.
    RestockOrder,
    /// Payment lets go of what it holds for the order.
    VoidPayment,
}

impl Event {
    /// When it happened, by orders' clock.
    pub const fn at(&self) -> DateTime<Utc> {
        match self {
            Self::OrderPlaced(event) => event.placed_at,
            Self::StockReservationNoted(event) => event.noted_at,
            Self::OrderConfirmed(event) => event.confirmed_at,
            Self::OrderCancelled(event) => event.cancelled_at,
            Self::StockCommitNoted(event) => event.noted_at,
            Self::StockReleaseNoted(event) => event.noted_at,
            Self::StockRestockNoted(event) => event.noted_at,
            Self::CaptureNoted(event) => event.noted_at,
            Self::VoidNoted(event) => event.noted_at,
            Self::OrderFinished(event) => event.finished_at,
        }
    }

    /// The event as other services hear of it. What one of them has reported is public already.
    pub const fn public(&self) -> Option<Public<'_>> {
        match self {
            Self::OrderPlaced(event) => Some(Public::Placed(event)),
            Self::OrderConfirmed(event) => Some(Public::Confirmed(event)),
            Self::OrderCancelled(event) => Some(Public::Cancelled(event)),
            Self::OrderFinished(event) => Some(Public::Finished(event)),
            Self::StockReservationNoted(_)
            | Self::StockCommitNoted(_)
            | Self::StockReleaseNoted(_)
            | Self::StockRestockNoted(_)
            | Self::CaptureNoted(_)
            | Self::VoidNoted(_) => None,
        }
    }

    /// The commands that must go out in the transaction that stores this event.
    pub const fn compensations(&self) -> &'static [Compensation] {
        match self.public() {
            Some(Public::Cancelled(event)) => event.reason.compensations(),
            Some(Public::Placed(_) | Public::Confirmed(_) | Public::Finished(_)) | None => &[],
        }
    }
}

impl Outcome {
    /// What must be reported, in any order, before an order with this end is finished.
    pub const fn effects(self) -> &'static [Effect] {
        match self {
            Self::Confirmed => &[Effect::StockCommitted, Effect::PaymentCaptured],
            Self::Cancelled(reason) => match reason {
                // `StockRejected` itself proves that nothing is held, and payment was never asked.
                CancelReason::OutOfStock => &[],
                // The decline itself proves that no money is held.
                CancelReason::PaymentDeclined => &[Effect::StockReleased],
                CancelReason::Customer | CancelReason::Deadline => {
                    &[Effect::StockReleased, Effect::PaymentVoided]
                }
                CancelReason::CaptureFailed => &[Effect::StockRestocked, Effect::PaymentVoided],
            },
        }
    }
}

impl CancelReason {
    /// The reason's name for logs and error details, in snake case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OutOfStock => "out_of_stock",
            Self::PaymentDeclined => "payment_declined",
            Self::Customer => "customer",
            Self::CaptureFailed => "capture_failed",
            Self::Deadline => "deadline",
        }
    }

    /// The reason as people read it, in histories as well.
    pub const fn words(self) -> &'static str {
        match self {
            Self::OutOfStock => "out of stock",
            Self::PaymentDeclined => "payment declined",
            Self::Customer => "by the customer",
            Self::CaptureFailed => "capture failed",
            Self::Deadline => "deadline passed",
        }
    }

    /// What a cancellation for this reason has to have undone. A refused capture is voided by payment unasked.
    pub const fn compensations(self) -> &'static [Compensation] {
        match self {
            Self::OutOfStock => &[],
            Self::PaymentDeclined => &[Compensation::ReleaseStock],
            Self::Customer | Self::Deadline => &[Compensation::ReleaseStock, Compensation::VoidPayment],
            Self::CaptureFailed => &[Compensation::RestockOrder],
        }
    }
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
