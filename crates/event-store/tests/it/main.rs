//! The event store against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "what a test prepares works, or the test has failed")]

mod appending;
mod counter;
mod grants;
mod loading;
mod snapshots;
mod stage;
mod streams;
mod upcasting;
