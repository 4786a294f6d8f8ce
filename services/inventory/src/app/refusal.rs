//! Refusals as they are stored under a request's key.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

/// Why a request was refused for good. Stored as JSON, so that a repetition is told the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// Constant per cause, in UPPER_SNAKE_CASE.
    pub(crate) reason: String,
    /// For people.
    pub(crate) message: String,
    /// For programs.
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Refusal {
    pub(crate) fn new(reason: &str, message: String) -> Self {
        Self { reason: reason.to_owned(), message, metadata: BTreeMap::new() }
    }

    /// Adds one piece of metadata.
    pub(crate) fn with(mut self, name: &str, value: impl Display) -> Self {
        self.metadata.insert(name.to_owned(), value.to_string());
        self
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a refusal is plain data")
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_is_stable() {
        let refusal = Refusal::new("INSUFFICIENT_STOCK", "too few".to_owned()).with("delta", -3);
        let json = br#"{"reason":"INSUFFICIENT_STOCK","message":"too few","metadata":{"delta":"-3"}}"#;
        assert_eq!(refusal.to_bytes(), json);
        assert_eq!(Refusal::from_bytes(json).unwrap(), refusal);
    }
}
