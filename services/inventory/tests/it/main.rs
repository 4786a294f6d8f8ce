//! The inventory service against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "what a test prepares works, or the test has failed")]

mod grants;
mod ledger;
mod messages;
mod queries;
mod refused;
mod requests;
mod reserving;
mod serving;
mod stage;
mod validation;
