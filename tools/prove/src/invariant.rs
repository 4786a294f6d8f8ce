//! One thing that must hold.

use serde::Serialize;

/// The most violations that are described; all are counted.
const EXAMPLES_MAX: usize = 5;

/// One thing that must hold, with how often it was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invariant {
    /// What must hold, as a clause.
    pub name: &'static str,
    /// How many things were looked at.
    pub checked: u64,
    /// How many of them break it.
    pub violations: u64,
    /// The first of those in words, naming order, SKU or lane.
    pub examples: Vec<String>,
}

impl Invariant {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, checked: 0, violations: 0, examples: Vec::new() }
    }

    /// Counts one thing looked at.
    pub(crate) fn check(&mut self, violation: Option<String>) {
        self.checked += 1;
        if let Some(violation) = violation {
            self.violations += 1;
            if self.examples.len() < EXAMPLES_MAX {
                self.examples.push(violation);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_violations_are_counted_and_the_first_described() {
        let mut invariant = Invariant::new("numbers are even");
        for number in 0..100 {
            invariant.check((number % 2 == 1).then(|| format!("{number} is odd")));
        }
        assert_eq!((invariant.checked, invariant.violations), (100, 50));
        assert_eq!(invariant.examples, ["1 is odd", "3 is odd", "5 is odd", "7 is odd", "9 is odd"]);
    }
}
