//! Where the units of one SKU are.

use std::fmt;

use crate::Movement;

/// Units of one SKU. No part is negative, and their sum fits into 64 bits: so no movement between the parts can
/// overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Level {
    available: i64,
    reserved: i64,
    sold: i64,
}

impl Level {
    /// No units anywhere.
    pub const ZERO: Self = Self { available: 0, reserved: 0, sold: 0 };

    /// A level as it was stored; `None` when a part is negative or the sum overflows.
    pub fn new(available: i64, reserved: i64, sold: i64) -> Option<Self> {
        let sum = available.checked_add(reserved)?.checked_add(sold);
        (available >= 0 && reserved >= 0 && sold >= 0 && sum.is_some()).then_some(Self {
            available,
            reserved,
            sold,
        })
    }

    /// Units that can be reserved.
    pub const fn available(self) -> i64 {
        self.available
    }

    /// Units held for orders that are not yet confirmed.
    pub const fn reserved(self) -> i64 {
        self.reserved
    }

    /// Units sold with confirmed orders.
    pub const fn sold(self) -> i64 {
        self.sold
    }

    /// The level after `movement`; `None` when it would not be a level any more.
    pub(crate) fn after(self, movement: &Movement) -> Option<Self> {
        Self::new(
            self.available.checked_add(movement.available_delta)?,
            self.reserved.checked_add(movement.reserved_delta)?,
            self.sold.checked_add(movement.sold_delta)?,
        )
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} available, {} reserved, {} sold", self.available, self.reserved, self.sold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_is_negative_and_the_sum_fits() {
        assert!(Level::new(1, 2, 3).is_some());
        assert!(Level::new(i64::MAX, 0, 0).is_some());
        for (available, reserved, sold) in
            [(-1, 1, 1), (1, -1, 1), (1, 1, -1), (i64::MAX, 1, 0), (i64::MAX, 0, 1)]
        {
            assert_eq!(Level::new(available, reserved, sold), None, "{available}, {reserved}, {sold}");
        }
    }
}
