//! The inventory service: what can be ordered and at which price, how many units there are, and what is held for whom.
//!
//! **Guarantees.** No level is ever negative, and the sum of a SKU's movements is its level: both are written in one
//! transaction. An order's lines are reserved together or not at all. Every message takes effect once, whatever order
//! messages of different topics come in; `ReleaseStock` and `RestockOrder` are answered exactly once an order.
//! A request that is sent again gets the answer that it got first.
//!
//! **Does not.** It knows no customer and no payment beyond what `StockReserved` repeats. Which messages follow from
//! which state is decided in `bowline-inventory-domain`.
//!
//! **How to add one more reaction.** Add the message to the domain's table, a file `on_<event>.rs` to `app/reactions`
//! and its type to `concerns`; the compiler leads from the registry of `bowline-contracts` to the place that dispatches.

mod api;
mod app;
pub mod bootstrap;
pub mod config;
mod infra;

pub use app::{Action, Command, Inventory, Reply};

/// The migrations of the schema `inventory`.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();
