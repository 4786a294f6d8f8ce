//! Entries of the stock ledger.

use bowline_kernel::{OrderId, Sku};

use crate::Reason;

/// What a movement stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MovementKind {
    /// The available units were adjusted.
    Adjustment,
    /// Available units were reserved for an order.
    Reservation,
    /// Reserved units were sold.
    Commit,
    /// Reserved units became available again.
    Release,
    /// Sold or reserved units of an order whose capture failed became available again.
    Restock,
}

impl MovementKind {
    /// Every kind.
    pub const ALL: [Self; 5] =
        [Self::Adjustment, Self::Reservation, Self::Commit, Self::Release, Self::Restock];

    /// The number under which a kind is stored; never changes.
    pub const fn code(self) -> i16 {
        match self {
            Self::Adjustment => 1,
            Self::Reservation => 2,
            Self::Commit => 3,
            Self::Release => 4,
            Self::Restock => 5,
        }
    }

    /// The kind stored as `code`; `None` for any other number.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// One change of one SKU's level. An order has at most one movement for each SKU and step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// The stock-keeping unit.
    pub sku: Sku,
    /// What the change stands for.
    pub kind: MovementKind,
    /// Change of the available units.
    pub available_delta: i64,
    /// Change of the reserved units.
    pub reserved_delta: i64,
    /// Change of the sold units.
    pub sold_delta: i64,
    /// The order it belongs to; none for adjustments.
    pub order_id: Option<OrderId>,
    /// Why the stock was adjusted, when that was said.
    pub reason: Option<Reason>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_kind_reads_back() {
        for kind in MovementKind::ALL {
            assert_eq!(MovementKind::from_code(kind.code()), Some(kind));
        }
        assert_eq!(MovementKind::from_code(0), None);
    }
}
