//! The lines of a new order, checked and added up.

use std::collections::HashMap;

use bowline_kernel::{Currency, Money, MoneyError, Quantity, Sku};
use serde::{Deserialize, Serialize};

use crate::ProductName;

/// One line of an order, priced when the order was placed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Line {
    /// What is ordered.
    pub sku: Sku,
    /// The product's name at that time.
    pub name: ProductName,
    /// How many units.
    pub quantity: Quantity,
    /// The price of one unit at that time.
    pub unit_price: Money,
}

/// How large a new order may be. Orders placed under other limits stay valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineLimits {
    /// The most lines of one order.
    pub lines_max: usize,
    /// The most units of one line.
    pub quantity_max: u32,
}

/// The lines of a new order: at least one, no SKU twice, one currency, within the limits, with their total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    lines: Vec<Line>,
    total: Money,
}

/// What is wrong with the lines of a new order. An `index` counts from zero.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinesError {
    /// There is no line.
    #[error("an order needs at least one line")]
    Empty,
    /// There are too many lines.
    #[error("an order has at most {max} lines, this one has {count}")]
    TooMany {
        /// The number of lines.
        count: usize,
        /// The most that are accepted.
        max: usize,
    },
    /// One line asks for too many units.
    #[error("line {index}: the quantity is at most {max}, not {quantity}")]
    QuantityTooLarge {
        /// The line.
        index: usize,
        /// The units asked for.
        quantity: Quantity,
        /// The most that are accepted.
        max: u32,
    },
    /// Two lines have the same SKU.
    #[error("line {index}: {sku} is already in line {first}")]
    DuplicateSku {
        /// The later line.
        index: usize,
        /// The earlier line.
        first: usize,
        /// The SKU of both.
        sku: Sku,
    },
    /// A price is zero or less.
    #[error("line {index}: the price must be at least one minor unit, not {price}")]
    PriceNotPositive {
        /// The line.
        index: usize,
        /// The price of one unit.
        price: Money,
    },
    /// The lines are priced in different currencies.
    #[error("line {index}: priced in {currency}, while the lines before it are in {expected}")]
    MixedCurrencies {
        /// The line that differs.
        index: usize,
        /// Its currency.
        currency: Currency,
        /// The currency of the lines before.
        expected: Currency,
    },
    /// The total does not fit into 64 bits.
    #[error("the order's total is too large")]
    TotalTooLarge,
}

impl Lines {
    /// Checks what can be checked before anyone is asked for a price: the number of lines, the quantities, and that
    /// no SKU comes twice. The first fault found is returned.
    pub fn check<'a>(
        lines: impl IntoIterator<Item = (&'a Sku, Quantity)>,
        limits: LineLimits,
    ) -> Result<(), LinesError> {
        let mut first_of = HashMap::new();
        let mut count = 0;
        for (index, (sku, quantity)) in lines.into_iter().enumerate() {
            count = index + 1;
            if quantity.get() > limits.quantity_max {
                return Err(LinesError::QuantityTooLarge { index, quantity, max: limits.quantity_max });
            }
            if let Some(first) = first_of.insert(sku, index) {
                return Err(LinesError::DuplicateSku { index, first, sku: sku.clone() });
            }
        }
        match count {
            0 => Err(LinesError::Empty),
            count if count > limits.lines_max => Err(LinesError::TooMany { count, max: limits.lines_max }),
            _ => Ok(()),
        }
    }

    /// The priced lines and their total, if [`Lines::check`] finds no fault and the prices can be added up.
    pub fn new(lines: Vec<Line>, limits: LineLimits) -> Result<Self, LinesError> {
        Self::check(lines.iter().map(|line| (&line.sku, line.quantity)), limits)?;
        let currency = lines.first().ok_or(LinesError::Empty)?.unit_price.currency;
        let mut total = Money::zero(currency);
        for (index, line) in lines.iter().enumerate() {
            total = line.add_to(total, index)?;
        }
        Ok(Self { lines, total })
    }

    /// The sum of all lines.
    pub const fn total(&self) -> Money {
        self.total
    }

    /// The lines, in the order in which they were sent.
    pub fn as_slice(&self) -> &[Line] {
        &self.lines
    }

    pub(crate) fn into_parts(self) -> (Vec<Line>, Money) {
        (self.lines, self.total)
    }
}

impl Line {
    fn add_to(&self, total: Money, index: usize) -> Result<Money, LinesError> {
        let price = self.unit_price;
        if price.minor <= 0 {
            return Err(LinesError::PriceNotPositive { index, price });
        }
        let sum = price.times(self.quantity).and_then(|amount| total.plus(amount));
        sum.map_err(|error| match error {
            MoneyError::Overflow => LinesError::TotalTooLarge,
            MoneyError::CurrencyMismatch { left, right } => {
                LinesError::MixedCurrencies { index, currency: right, expected: left }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: LineLimits = LineLimits { lines_max: 3, quantity_max: 100 };
    const GBP: Currency = Currency::GBP;

    fn line(sku: &str, quantity: u32, minor: i64, currency: Currency) -> Line {
        Line {
            sku: sku.parse().unwrap(),
            name: ProductName::new("a thing"),
            quantity: Quantity::new(quantity).unwrap(),
            unit_price: Money::new(minor, currency),
        }
    }

    #[track_caller]
    fn refused(lines: Vec<Line>) -> LinesError {
        Lines::new(lines, LIMITS).unwrap_err()
    }

    #[test]
    fn the_total_is_the_sum_of_all_lines() {
        let lines = Lines::new(vec![line("a", 2, 150, GBP), line("A", 1, 99, GBP)], LIMITS).unwrap();
        assert_eq!(lines.total(), Money::new(399, GBP));
        assert_eq!(lines.as_slice().len(), 2);
    }

    #[test]
    fn the_limits_hold() {
        assert_eq!(refused(vec![]), LinesError::Empty);
        let four = ["a", "b", "c", "d"].map(|sku| line(sku, 1, 1, GBP)).to_vec();
        assert_eq!(refused(four), LinesError::TooMany { count: 4, max: 3 });
        let quantity = Quantity::new(101).unwrap();
        assert_eq!(
            refused(vec![line("a", 100, 1, GBP), line("b", 101, 1, GBP)]),
            LinesError::QuantityTooLarge { index: 1, quantity, max: 100 }
        );
    }

    #[test]
    fn a_sku_comes_once() {
        let sku: Sku = "a".parse().unwrap();
        assert_eq!(
            refused(vec![line("b", 1, 1, GBP), line("a", 1, 1, GBP), line("a", 2, 1, GBP)]),
            LinesError::DuplicateSku { index: 2, first: 1, sku }
        );
    }

    #[test]
    fn prices_are_positive_of_one_currency_and_fit() {
        assert_eq!(
            refused(vec![line("a", 1, 0, GBP)]),
            LinesError::PriceNotPositive { index: 0, price: Money::zero(GBP) }
        );
        assert_eq!(
            refused(vec![line("a", 1, 1, GBP), line("b", 1, 1, Currency::EUR)]),
            LinesError::MixedCurrencies { index: 1, currency: Currency::EUR, expected: GBP }
        );
        assert_eq!(refused(vec![line("a", 2, i64::MAX, GBP)]), LinesError::TotalTooLarge);
        let each_fits = vec![line("a", 1, i64::MAX, GBP), line("b", 1, 1, GBP)];
        assert_eq!(refused(each_fits), LinesError::TotalTooLarge);
    }

    proptest! {
        #[test]
        fn no_penny_is_lost(lines in prop::collection::vec((1_u32..=100, 1_i64..1_000_000), 1..=3)) {
            let expected: i64 = lines.iter().map(|(quantity, minor)| i64::from(*quantity) * minor).sum();
            let lines = lines.iter().enumerate()
                .map(|(index, (quantity, minor))| line(&format!("sku {index}"), *quantity, *minor, GBP))
                .collect();
            prop_assert_eq!(Lines::new(lines, LIMITS).unwrap().total(), Money::new(expected, GBP));
        }
    }
}
