//! The payment service: authorises, captures and voids the payments of orders through a payment provider.
//!
//! **Guarantees.** A customer is charged at most once for an order: every operation has one idempotency key for ever,
//! and an outcome that nobody heard is asked for, never guessed. What the saga asks is stored before the provider hears
//! of it, and its outcome is stored in one transaction with the event that tells it to the others. An order that was
//! given up ends with exactly one `PaymentVoided`, whatever came first.
//!
//! **Does not.** It never calls the provider inside a database transaction. It takes no partial captures, makes no
//! refunds and hears no webhooks.
//!
//! The way of an order: a message of the saga (`app::reactions`) is decided by the domain and stored with the operation
//! that it opens ([`app::execute`]); the [`worker`] has the provider execute the operation behind an anti-corruption
//! layer ([`infra::provider`]); the outcome comes back as a command ([`app::record_outcome`]) and is published
//! (`app::publish`).
//!
//! **How to add one more reaction.** Write `app/reactions/on_<message>.rs` and name it in `app/reactions.rs`; if its
//! topic is new, add it to the wiring in [`bootstrap`]. **How to add one more provider operation.** Begin with
//! `OperationKind` in the domain; the compiler leads on through the table, the mapping and the client.

pub mod api;
pub mod app;
pub mod bootstrap;
pub mod config;
pub mod infra;
pub mod worker;

/// The tables of payment; applied beside those of the mechanism crates.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();
