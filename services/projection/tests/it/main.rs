//! The read model against a real PostgreSQL, and once against a real Kafka.
#![expect(clippy::unwrap_used, reason = "what a test prepares works, or the test has failed")]

mod folding;
mod grants;
mod hearing;
mod lists;
mod options;
mod reading;
mod saga;
mod stage;
mod watching;
