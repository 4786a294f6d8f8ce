//! Money as whole minor units of one currency.

use std::fmt;

pub use iso_currency::Currency;
use serde::{Deserialize, Serialize};

use crate::Quantity;

/// An amount in the minor unit of its currency (pence for GBP). There are no fractions and there is no rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// The amount in minor units; may be negative for differences.
    pub minor: i64,
    /// The ISO 4217 currency.
    pub currency: Currency,
}

/// Why two amounts could not become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The currencies differ.
    #[error("amounts in {left} and {right} cannot be added")]
    CurrencyMismatch {
        /// The currency of the first amount.
        left: Currency,
        /// The currency of the second amount.
        right: Currency,
    },
    /// The result does not fit into 64 bits.
    #[error("the amount is too large")]
    Overflow,
}

impl Money {
    /// An amount of `minor` units.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in `currency`.
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// True for an amount of exactly nothing.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// The sum of both amounts.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_add)
    }

    /// This amount less the other.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_sub)
    }

    /// The price of `quantity` units at this unit price.
    pub fn times(self, quantity: Quantity) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(i64::from(quantity.get())).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// The sum of `amounts`, zero in `currency` when there are none.
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::plus)
    }

    fn combine(self, other: Self, operation: fn(i64, i64) -> Option<i64>) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency });
        }
        let minor = operation(self.minor, other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }
}

impl fmt::Display for Money {
    /// For people: `12.34 GBP`, with as many digits as the currency has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = u32::from(self.currency.exponent().unwrap_or(0));
        let sign = if self.minor < 0 { "-" } else { "" };
        let unit = 10_u64.pow(digits);
        let (whole, rest) = (self.minor.unsigned_abs() / unit, self.minor.unsigned_abs() % unit);
        if digits == 0 {
            write!(f, "{sign}{whole} {}", self.currency.code())
        } else {
            write!(f, "{sign}{whole}.{rest:0width$} {}", self.currency.code(), width = digits as usize)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GBP: Currency = Currency::GBP;

    #[test]
    fn currencies_do_not_mix() {
        let sum = Money::new(1, GBP).plus(Money::new(1, Currency::EUR));
        assert_eq!(sum, Err(MoneyError::CurrencyMismatch { left: GBP, right: Currency::EUR }));
    }

    #[test]
    fn overflow_is_an_error() {
        assert_eq!(Money::new(i64::MAX, GBP).plus(Money::new(1, GBP)), Err(MoneyError::Overflow));
        let quantity = Quantity::new(2).unwrap();
        assert_eq!(Money::new(i64::MAX, GBP).times(quantity), Err(MoneyError::Overflow));
    }

    #[test]
    fn people_see_the_digits_of_the_currency() {
        assert_eq!(Money::new(-1205, GBP).to_string(), "-12.05 GBP");
        assert_eq!(Money::new(1205, Currency::JPY).to_string(), "1205 JPY");
    }

    #[test]
    fn the_stored_form_is_stable() {
        let json = serde_json::to_string(&Money::new(255, GBP)).unwrap();
        assert_eq!(json, r#"{"minor":255,"currency":"GBP"}"#);
    }

    proptest! {
        #[test]
        fn what_is_added_can_be_subtracted(a in -1_000_000_i64..1_000_000, b in -1_000_000_i64..1_000_000) {
            let (a, b) = (Money::new(a, GBP), Money::new(b, GBP));
            prop_assert_eq!(a.plus(b).unwrap().minus(b).unwrap(), a);
        }
    }
}
