//! Transactions and pools against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "what a test prepares works, or the test has failed")]

mod faults;
mod pools;
mod stage;
mod transactions;
