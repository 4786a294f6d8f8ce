//! What inventory knows of one order, what it is told, and what it reports.

use bowline_kernel::{Quantity, Sku};
use serde::{Deserialize, Serialize};

use crate::Lines;

/// What inventory holds for an order. Stored as JSON with the name of the state in `state`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Reservation {
    /// Nothing has been heard of the order. Never stored.
    #[default]
    Unknown,
    /// The order could not be reserved; nothing is held.
    Rejected,
    /// Every line is reserved.
    Reserved {
        /// What is held.
        lines: Lines,
    },
    /// Every line is sold.
    Committed {
        /// What was sold.
        lines: Lines,
    },
    /// Whatever was reserved is available again, and nothing will be reserved: also the tombstone of a
    /// `ReleaseStock` that was faster than its order.
    Released {
        /// Units that went back to available.
        units: u64,
    },
    /// Whatever was sold or reserved is available again, and nothing will be sold.
    Restocked {
        /// Units that went back to available.
        units: u64,
    },
}

impl Reservation {
    /// The name under which the state is stored; never changes.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Rejected => "rejected",
            Self::Reserved { .. } => "reserved",
            Self::Committed { .. } => "committed",
            Self::Released { .. } => "released",
            Self::Restocked { .. } => "restocked",
        }
    }

    /// What is held or sold: the SKUs whose levels a later message may touch.
    pub const fn lines(&self) -> Option<&Lines> {
        match self {
            Self::Reserved { lines } | Self::Committed { lines } => Some(lines),
            Self::Unknown | Self::Rejected | Self::Released { .. } | Self::Restocked { .. } => None,
        }
    }
}

/// What inventory is told about an order, by events of orders and by commands to inventory. The two come on topics
/// of their own, so any order between them is possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The order was accepted: reserve its lines.
    OrderPlaced {
        /// What the order asks for.
        lines: Lines,
    },
    /// The order is confirmed: what is reserved is sold.
    OrderConfirmed,
    /// Release whatever is reserved, and never reserve again.
    ReleaseStock,
    /// Put back whatever was sold or reserved; the order's capture failed.
    RestockOrder,
}

impl Message {
    /// The message's name, for errors and logs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::OrderPlaced { .. } => "OrderPlaced",
            Self::OrderConfirmed => "OrderConfirmed",
            Self::ReleaseStock => "ReleaseStock",
            Self::RestockOrder => "RestockOrder",
        }
    }

    /// What the message asks for: the SKUs whose levels it may touch by itself.
    pub const fn lines(&self) -> Option<&Lines> {
        match self {
            Self::OrderPlaced { lines } => Some(lines),
            Self::OrderConfirmed | Self::ReleaseStock | Self::RestockOrder => None,
        }
    }
}

/// A SKU of which there was not enough.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// The stock-keeping unit.
    pub sku: Sku,
    /// How many units were missing.
    pub missing: Quantity,
}

/// What has become true and is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Every line is reserved.
    StockReserved {
        /// What was reserved.
        lines: Lines,
    },
    /// At least one line could not be reserved; nothing is.
    StockRejected {
        /// The SKUs that fell short, in the order of the lines.
        shortages: Vec<Shortage>,
    },
    /// What was reserved is sold.
    StockCommitted {
        /// Units over all lines.
        units: u64,
    },
    /// The one answer to `ReleaseStock`.
    StockReleased {
        /// Units that went back to available; zero when there was nothing to release.
        units: u64,
    },
    /// The one answer to `RestockOrder`.
    StockRestocked {
        /// Units that went back to available; zero when there was nothing to put back.
        units: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_is_stable() {
        let lines: Lines = serde_json::from_str(r#"[["A",2]]"#).unwrap();
        for (reservation, json) in [
            (Reservation::Unknown, r#"{"state":"unknown"}"#),
            (Reservation::Rejected, r#"{"state":"rejected"}"#),
            (Reservation::Reserved { lines: lines.clone() }, r#"{"state":"reserved","lines":[["A",2]]}"#),
            (Reservation::Committed { lines }, r#"{"state":"committed","lines":[["A",2]]}"#),
            (Reservation::Released { units: 0 }, r#"{"state":"released","units":0}"#),
            (Reservation::Restocked { units: 7 }, r#"{"state":"restocked","units":7}"#),
        ] {
            assert_eq!(serde_json::to_string(&reservation).unwrap(), json);
            assert_eq!(serde_json::from_str::<Reservation>(json).unwrap(), reservation);
            assert!(json.contains(reservation.name()), "the name is the stored state");
        }
    }
}
