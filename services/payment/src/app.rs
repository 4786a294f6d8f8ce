//! What the service does: one transaction for a batch, one file for each message it reacts to.

pub mod execute;
pub mod intent;
pub mod payments;
mod publish;
pub mod queries;
mod reactions;
pub mod record_outcome;
