//! The loyalty service against a real PostgreSQL, and once against a real Kafka.
//!
//! Every test has several threads: dropping its database blocks one, and connections that the service is just opening
//! need another one to be finished.
#![expect(clippy::unwrap_used, reason = "what a test prepares works, or the test has failed")]

mod counting;
mod hearing;
mod stage;
