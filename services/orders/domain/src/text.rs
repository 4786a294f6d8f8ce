//! Text that belongs to orders alone.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bowline_kernel::InvalidId;
use serde::{Deserialize, Serialize};

/// A product's name as the catalogue had it when the order was placed. The catalogue has the rules for names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ProductName(Arc<str>);

impl ProductName {
    /// The name, as it came from the catalogue.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ProductName {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl From<ProductName> for String {
    fn from(name: ProductName) -> Self {
        name.as_str().to_owned()
    }
}

/// The customer's country as free text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country(Arc<str>);

impl Country {
    /// The longest text accepted, in characters.
    pub const MAX_CHARS: usize = 64;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Country {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.is_empty() || text.chars().count() > Self::MAX_CHARS || text.chars().any(char::is_control) {
            return Err(InvalidId { expected: "1 to 64 characters without control characters" });
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for Country {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.as_str().to_owned()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_has_a_length_and_no_control_characters() {
        assert_eq!("United Kingdom".parse::<Country>().unwrap().as_str(), "United Kingdom");
        for malformed in ["", "a\nb", &"x".repeat(65)] {
            assert!(malformed.parse::<Country>().is_err(), "{malformed:?} must be refused");
        }
    }
}
