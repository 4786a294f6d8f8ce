//! Stock that comes in or goes out without an order.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use bowline_kernel::Sku;

use crate::{InvalidField, Levels, Movement, MovementKind};

/// Why stock was adjusted: 1 to 200 characters without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(Arc<str>);

impl Reason {
    /// The longest reason accepted, in characters.
    pub const MAX_CHARS: usize = 200;

    /// Checks `text`; `None` when it is empty, too long or holds control characters.
    pub fn new(text: &str) -> Option<Self> {
        let valid = !text.is_empty()
            && text.chars().count() <= Self::MAX_CHARS
            && !text.chars().any(char::is_control);
        valid.then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A change of the available units of one SKU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    /// The stock-keeping unit.
    pub sku: Sku,
    /// Units to add, or with a minus sign to remove; not zero.
    pub delta: i64,
}

/// Adjustments that are made together or not at all: 1 to [`AdjustStock::MAX_ADJUSTMENTS`], no SKU twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdjustStock {
    adjustments: Vec<Adjustment>,
    reason: Option<Reason>,
}

/// Why an adjustment is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdjustmentRejection {
    /// More units would be removed than are available.
    #[error("{sku} has {available} available units, {delta} would leave fewer than none")]
    WouldGoNegative {
        /// The stock-keeping unit.
        sku: Sku,
        /// Its available units.
        available: i64,
        /// The change asked for.
        delta: i64,
    },
    /// More units would be known than can be counted.
    #[error("{sku} has {available} available units, {delta} more cannot be counted")]
    Overflow {
        /// The stock-keeping unit.
        sku: Sku,
        /// Its available units.
        available: i64,
        /// The change asked for.
        delta: i64,
    },
}

impl AdjustStock {
    /// The most adjustments in one command.
    pub const MAX_ADJUSTMENTS: usize = 1_000;

    /// Checks the form of the command; all faults at once, with the paths that the fields have in the request. An
    /// empty `reason` stands for none.
    pub fn new(adjustments: Vec<Adjustment>, reason: &str) -> Result<Self, Vec<InvalidField>> {
        let mut faults = Vec::new();
        if adjustments.is_empty() || adjustments.len() > Self::MAX_ADJUSTMENTS {
            faults.push(InvalidField::new("adjustments", "1 to 1,000 adjustments"));
        }
        let mut seen = HashSet::with_capacity(adjustments.len());
        for (index, adjustment) in adjustments.iter().enumerate() {
            if adjustment.delta == 0 {
                faults.push(InvalidField::new(format!("adjustments[{index}].delta"), "different from 0"));
            }
            if !seen.insert(&adjustment.sku) {
                let field = format!("adjustments[{index}].sku");
                faults.push(InvalidField::new(field, "a SKU that no other adjustment of the request names"));
            }
        }
        let checked_reason = Reason::new(reason);
        if checked_reason.is_none() && !reason.is_empty() {
            faults.push(InvalidField::new("reason", "at most 200 characters without control characters"));
        }
        if faults.is_empty() { Ok(Self { adjustments, reason: checked_reason }) } else { Err(faults) }
    }

    /// The SKUs whose levels are touched, in the order of the request.
    pub fn skus(&self) -> impl Iterator<Item = &Sku> {
        self.adjustments.iter().map(|adjustment| &adjustment.sku)
    }
}

/// The movements of `command`, checked against `levels`.
pub(crate) fn plan(levels: &Levels, command: &AdjustStock) -> Result<Vec<Movement>, AdjustmentRejection> {
    let movement = |adjustment: &Adjustment| {
        let Adjustment { sku, delta } = adjustment.clone();
        let movement = Movement {
            sku,
            kind: MovementKind::Adjustment,
            available_delta: delta,
            reserved_delta: 0,
            sold_delta: 0,
            order_id: None,
            reason: command.reason.clone(),
        };
        if levels.preview(&movement).is_some() {
            return Ok(movement);
        }
        let sku = movement.sku;
        let available = levels.get(&sku).available();
        Err(if delta < 0 {
            AdjustmentRejection::WouldGoNegative { sku, available, delta }
        } else {
            AdjustmentRejection::Overflow { sku, available, delta }
        })
    };
    command.adjustments.iter().map(movement).collect()
}

#[cfg(test)]
mod tests;
