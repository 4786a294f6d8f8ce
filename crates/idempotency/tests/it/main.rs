//! Request keys against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "what a test prepares works, or the test has failed")]

mod claiming;
mod concurrency;
mod purging;
mod settling;
mod stage;
