//! The orders service: takes orders, decides how they end, and has undone what must be undone.
//!
//! - `api`: gRPC; what callers may send and what they get.
//! - `app`: one file per use case. [`app::execute`] is the one transaction; `app/reactions` lists what other services
//!   report; `app/publish` is the one bridge from stored events to public messages.
//! - [`deadlines`]: gives up orders that have waited for long enough.
//! - `infra`: the catalogue and the health of the neighbours over gRPC, the table of deadlines.
//! - [`bootstrap`]: the only place that wires.
//!
//! **Guarantees.** An accepted order is stored together with the message that starts its saga. Every report of another
//! service takes effect exactly once. The rules themselves are those of `bowline-orders-domain`.
//!
//! **How to add one more reaction.** Add the message to the topic's registry in `bowline-contracts`, a file
//! `app/reactions/on_<event>.rs` that makes a domain command of it, and the arm in `app/reactions.rs` that the compiler
//! asks for.

pub mod api;
pub mod app;
pub mod bootstrap;
pub mod config;
pub mod deadlines;
mod infra;

/// The tables of orders; applied beside those of the mechanism crates.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();
