//! The projection service: what happened to orders, in a form that can be asked for.
//!
//! It hears the events of orders, inventory and payment, folds them into one row per order and one line per event
//! (see `bowline-projection-domain`), and answers `bowline.projection.v1.QueryService`. It sends nothing.
//!
//! **Guarantees.** Rows and timelines are what a fold of the published events gives, whatever the interleaving of the
//! sources: a batch is written in one transaction with the watermarks of its lanes, so every event takes effect exactly
//! once. An order is hidden until its `OrderPlaced` has arrived. Who watches an order sees its latest state after every
//! change, and its end.
//!
//! **Does not.** It decides nothing. Answers lag a little behind the writes of the other services.
//!
//! **How to add one more event.** Add it to the domain crate's `PublicEvent`, then map it in the `on_…` file of its source
//! in `app/reactions`; a new column also goes to `infra/order_views.rs` and to a migration.

mod api;
mod app;
pub mod bootstrap;
pub mod config;
mod infra;

pub use app::execute::{Projector, ReadModel};
pub use app::watches::{Unwatchable, Watch, Watches};
pub use infra::order_views::stored;
pub use infra::row::ReadError;

/// The tables of the read model.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();
