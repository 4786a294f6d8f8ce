//! How a malformed request is described.

use std::fmt;

/// One field of a request that is not what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidField {
    /// Path of the field inside the request, for example `adjustments[3].delta`.
    pub field: String,
    /// What would have been right, as a clause that follows "must be".
    pub expected: &'static str,
}

impl InvalidField {
    /// Says that `field` must be `expected`.
    pub(crate) fn new(field: impl Into<String>, expected: &'static str) -> Self {
        Self { field: field.into(), expected }
    }
}

impl fmt::Display for InvalidField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}", self.field, self.expected)
    }
}
