//! Text that belongs to payment alone.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bowline_kernel::InvalidId;
use serde::{Deserialize, Serialize};

/// What the provider calls the authorisation; later operations name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderReference(Arc<str>);

/// Why the provider declined or refused, in our words: a snake-case identifier such as `insufficient_funds`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reason(Arc<str>);

impl ProviderReference {
    /// The longest text accepted, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Reason {
    /// The longest text accepted, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The reason when the provider gives none that we know.
    pub fn unspecified() -> Self {
        Self("unspecified".into())
    }
}

impl FromStr for ProviderReference {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        if text.is_empty()
            || text.len() > Self::MAX_BYTES
            || !text.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(InvalidId { expected: "1 to 128 visible ASCII characters" });
        }
        Ok(Self(text.into()))
    }
}

impl FromStr for Reason {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let snake = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if text.is_empty() || text.len() > Self::MAX_BYTES || !text.bytes().all(snake) {
            return Err(InvalidId { expected: "1 to 64 lower-case letters, digits and underscores" });
        }
        Ok(Self(text.into()))
    }
}

impl TryFrom<String> for ProviderReference {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl TryFrom<String> for Reason {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<ProviderReference> for String {
    fn from(reference: ProviderReference) -> Self {
        reference.as_str().to_owned()
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.as_str().to_owned()
    }
}

impl fmt::Display for ProviderReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_an_identifier() {
        assert_eq!("insufficient_funds".parse::<Reason>().unwrap().as_str(), "insufficient_funds");
        for malformed in ["", "Insufficient funds", &"x".repeat(65)] {
            assert!(malformed.parse::<Reason>().is_err(), "{malformed:?} must be refused");
        }
        assert!(Reason::unspecified().as_str().parse::<Reason>().is_ok());
    }

    #[test]
    fn a_reference_is_visible_text() {
        assert!("ch_0192-AF.7".parse::<ProviderReference>().is_ok());
        for malformed in ["", "a b", "a\n", &"x".repeat(129)] {
            assert!(malformed.parse::<ProviderReference>().is_err(), "{malformed:?} must be refused");
        }
    }
}
