//! The public messages of the saga, as far as the saga needs what stands in them.

use bowline_inventory_domain::Lines;
use bowline_kernel::{Money, PaymentToken};

use super::lane::Lane;

/// A public message. The originals are `proto/bowline/*/v1/{events,commands}.proto`; times and the order's id, which is
/// that of the lane, are left out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Message {
    OrderPlaced { lines: Lines, total: Money, payment_token: PaymentToken },
    OrderConfirmed,
    OrderCancelled,
    OrderFinished,
    ReleaseStock,
    RestockOrder,
    VoidPayment,
    StockReserved { total: Money, payment_token: PaymentToken },
    StockRejected,
    StockCommitted { units: u64 },
    StockReleased { units: u64 },
    StockRestocked { units: u64 },
    PaymentAuthorized { amount: Money },
    PaymentDeclined,
    PaymentCaptured { amount: Money },
    PaymentCaptureFailed,
    PaymentVoided { amount: Option<Money> },
}

impl Message {
    /// The name of its type, without the package.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::OrderPlaced { .. } => "OrderPlaced",
            Self::OrderConfirmed => "OrderConfirmed",
            Self::OrderCancelled => "OrderCancelled",
            Self::OrderFinished => "OrderFinished",
            Self::ReleaseStock => "ReleaseStock",
            Self::RestockOrder => "RestockOrder",
            Self::VoidPayment => "VoidPayment",
            Self::StockReserved { .. } => "StockReserved",
            Self::StockRejected => "StockRejected",
            Self::StockCommitted { .. } => "StockCommitted",
            Self::StockReleased { .. } => "StockReleased",
            Self::StockRestocked { .. } => "StockRestocked",
            Self::PaymentAuthorized { .. } => "PaymentAuthorized",
            Self::PaymentDeclined => "PaymentDeclined",
            Self::PaymentCaptured { .. } => "PaymentCaptured",
            Self::PaymentCaptureFailed => "PaymentCaptureFailed",
            Self::PaymentVoided { .. } => "PaymentVoided",
        }
    }

    /// The lanes on which somebody does something about it. A message that concerns nobody moves a watermark and nothing
    /// else, so it is left out. The originals are the topics of `crates/contracts/src/events.rs` and `concerns` in
    /// `services/*/src/app/reactions.rs`.
    pub(crate) const fn lanes(&self) -> &'static [Lane] {
        match self {
            Self::OrderPlaced { .. } => &[Lane::OrdersToInventory],
            Self::OrderConfirmed => &[Lane::OrdersToInventory, Lane::OrdersToPayment],
            Self::OrderCancelled | Self::OrderFinished => &[],
            Self::ReleaseStock | Self::RestockOrder => &[Lane::InventoryCommands],
            Self::VoidPayment => &[Lane::PaymentCommands],
            Self::StockReserved { .. } => &[Lane::InventoryToOrders, Lane::InventoryToPayment],
            Self::StockRejected
            | Self::StockCommitted { .. }
            | Self::StockReleased { .. }
            | Self::StockRestocked { .. } => &[Lane::InventoryToOrders],
            Self::PaymentAuthorized { .. }
            | Self::PaymentDeclined
            | Self::PaymentCaptured { .. }
            | Self::PaymentCaptureFailed
            | Self::PaymentVoided { .. } => &[Lane::PaymentToOrders],
        }
    }
}
