//! The levels that one batch works on.

use std::collections::HashMap;

use bowline_kernel::Sku;

use crate::{AdjustStock, AdjustmentRejection, Level, Movement, adjustment};

/// The levels of the SKUs that a batch may touch, changed in memory decision by decision. A SKU that is not there
/// counts as one without any unit.
#[derive(Debug, Clone, Default)]
pub struct Levels(HashMap<Sku, Tracked>);

#[derive(Debug, Clone, Copy)]
struct Tracked {
    before: Level,
    now: Level,
}

/// What a batch did to one SKU: one row to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelChange {
    /// The stock-keeping unit.
    pub sku: Sku,
    /// The level as it was loaded; [`Level::ZERO`] when the SKU had none.
    pub before: Level,
    /// The level to store.
    pub after: Level,
}

impl Levels {
    /// The levels as loaded, under locks that last until [`Levels::changes`] are committed.
    pub fn new(loaded: impl IntoIterator<Item = (Sku, Level)>) -> Self {
        Self(loaded.into_iter().map(|(sku, level)| (sku, Tracked { before: level, now: level })).collect())
    }

    /// The level of `sku` after all decisions so far.
    pub fn get(&self, sku: &Sku) -> Level {
        self.0.get(sku).map_or(Level::ZERO, |tracked| tracked.now)
    }

    /// Changes the available units, all adjustments or none. When it is refused the levels are as before.
    pub fn adjust(&mut self, command: &AdjustStock) -> Result<Vec<Movement>, AdjustmentRejection> {
        let movements = adjustment::plan(self, command)?;
        for movement in &movements {
            self.apply(movement).expect("the plan was checked against these levels, each SKU once");
        }
        Ok(movements)
    }

    /// What is to be written, in order of SKU; SKUs that end where they began are left out.
    pub fn changes(&self) -> Vec<LevelChange> {
        let mut changes: Vec<_> = self
            .0
            .iter()
            .filter(|(_, tracked)| tracked.before != tracked.now)
            .map(|(sku, tracked)| LevelChange {
                sku: sku.clone(),
                before: tracked.before,
                after: tracked.now,
            })
            .collect();
        changes.sort_unstable_by(|a, b| a.sku.cmp(&b.sku));
        changes
    }

    /// The level after `movement`, as if it had been applied; `None` when it cannot be.
    pub(crate) fn preview(&self, movement: &Movement) -> Option<Level> {
        self.get(&movement.sku).after(movement)
    }

    /// Applies `movement`; `None`, and nothing changed, when it cannot be.
    pub(crate) fn apply(&mut self, movement: &Movement) -> Option<()> {
        if let Some(tracked) = self.0.get_mut(&movement.sku) {
            tracked.now = tracked.now.after(movement)?;
        } else {
            let now = Level::ZERO.after(movement)?;
            self.0.insert(movement.sku.clone(), Tracked { before: Level::ZERO, now });
        }
        Some(())
    }
}
