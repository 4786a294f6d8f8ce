//! What the service does with events, and what it answers.

pub(crate) mod execute;
mod fold;
pub(crate) mod queries;
mod reactions;
pub(crate) mod watches;
