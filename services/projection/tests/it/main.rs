//! The read model against a real PostgreSQL, and once against a real Kafka.
//!
//! Every test has several threads: dropping its database blocks one, and connections that the service is just opening
//! need another one to be finished, or the server waits for them.
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
