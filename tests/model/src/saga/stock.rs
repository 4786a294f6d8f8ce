//! One SKU: its level, and the ledger's sum.

use bowline_inventory_domain::{Level, Movement};
use bowline_kernel::Sku;

/// A SKU as inventory has stored it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Stock {
    pub(crate) sku: Sku,
    pub(crate) opening: i64,
    pub(crate) level: Level,
    /// The sums of all movements: available, reserved, sold. The opening adjustment is the first.
    moved: [i64; 3],
}

impl Stock {
    pub(crate) fn new(sku: Sku, opening: i64) -> Self {
        let level = Level::new(opening, 0, 0).expect("an opening stock is not negative");
        Self { sku, opening, level, moved: [opening, 0, 0] }
    }

    pub(crate) fn enter(&mut self, movement: &Movement) {
        let deltas = [movement.available_delta, movement.reserved_delta, movement.sold_delta];
        for (sum, delta) in self.moved.iter_mut().zip(deltas) {
            *sum += delta;
        }
    }

    /// No unit came or went, none is missing anywhere, and the movements add up to the level.
    pub(crate) fn is_conserved(&self) -> bool {
        let parts = [self.level.available(), self.level.reserved(), self.level.sold()];
        parts.iter().all(|part| *part >= 0)
            && parts.iter().sum::<i64>() == self.opening
            && parts == self.moved
    }
}
