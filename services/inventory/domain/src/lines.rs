//! What an order asks for: SKUs and quantities.

use std::collections::HashSet;
use std::sync::Arc;

use bowline_kernel::{Quantity, Sku};
use serde::{Deserialize, Serialize};

/// Units of one SKU. Stored as the pair `["sku", quantity]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "(Sku, Quantity)", into = "(Sku, Quantity)")]
pub struct Line {
    /// The stock-keeping unit.
    pub sku: Sku,
    /// How many units.
    pub quantity: Quantity,
}

impl From<(Sku, Quantity)> for Line {
    fn from((sku, quantity): (Sku, Quantity)) -> Self {
        Self { sku, quantity }
    }
}

impl From<Line> for (Sku, Quantity) {
    fn from(line: Line) -> Self {
        (line.sku, line.quantity)
    }
}

/// The lines of an order, in the order in which they were sent: at least one, no SKU twice. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Line>", into = "Vec<Line>")]
pub struct Lines(Arc<[Line]>);

/// Why lines are not those of an order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinesError {
    /// There is no line.
    #[error("an order has at least one line")]
    Empty,
    /// A SKU stands in more than one line.
    #[error("the SKU {0} stands in more than one line")]
    Twice(Sku),
}

impl Lines {
    /// Checks `lines`.
    pub fn new(lines: Vec<Line>) -> Result<Self, LinesError> {
        if lines.is_empty() {
            return Err(LinesError::Empty);
        }
        let mut seen = HashSet::with_capacity(lines.len());
        match lines.iter().find(|line| !seen.insert(&line.sku)) {
            Some(line) => Err(LinesError::Twice(line.sku.clone())),
            None => Ok(Self(lines.into())),
        }
    }

    /// The lines one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Line> {
        self.0.iter()
    }

    /// Units over all lines.
    pub fn units(&self) -> u64 {
        self.0.iter().map(|line| u64::from(line.quantity.get())).sum()
    }
}

impl<'a> IntoIterator for &'a Lines {
    type Item = &'a Line;
    type IntoIter = std::slice::Iter<'a, Line>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl TryFrom<Vec<Line>> for Lines {
    type Error = LinesError;

    fn try_from(lines: Vec<Line>) -> Result<Self, LinesError> {
        Self::new(lines)
    }
}

impl From<Lines> for Vec<Line> {
    fn from(lines: Lines) -> Self {
        lines.0.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sku: &str, quantity: u32) -> Line {
        Line { sku: sku.parse().unwrap(), quantity: Quantity::new(quantity).unwrap() }
    }

    #[test]
    fn an_order_has_lines_and_no_sku_twice() {
        assert_eq!(Lines::new(vec![]), Err(LinesError::Empty));
        let twice = vec![line("A", 1), line("B", 1), line("A", 2)];
        assert_eq!(Lines::new(twice), Err(LinesError::Twice("A".parse().unwrap())));
        let lines = Lines::new(vec![line("B", 2), line("A", 3), line("a", 1)]).unwrap();
        assert_eq!(lines.units(), 6);
    }

    #[test]
    fn the_stored_form_is_stable_and_checked_when_read() {
        let lines = Lines::new(vec![line("B 1", 2), line("A", 3)]).unwrap();
        let json = serde_json::to_string(&lines).unwrap();
        assert_eq!(json, r#"[["B 1",2],["A",3]]"#);
        assert_eq!(serde_json::from_str::<Lines>(&json).unwrap(), lines);
        for broken in ["[]", r#"[["A",0]]"#, r#"[["A",1],["A",1]]"#] {
            assert!(serde_json::from_str::<Lines>(broken).is_err(), "{broken} must be refused");
        }
    }
}
