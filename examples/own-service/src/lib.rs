//! An example of a service of one's own: points for what customers order.
//!
//! Points are pending from `OrderPlaced` on, granted with `OrderConfirmed`, and withdrawn with `OrderCancelled`, which
//! also comes after the confirmation when the payment is refused for good.
//!
//! **Guarantees.** Every event counts exactly once, whatever comes twice, and in whatever order.
//!
//! **Does not.** It publishes nothing, and points are not spent here.

mod api;
pub mod bootstrap;
pub mod points;
mod reactions;
mod store;

pub use reactions::Loyalty;

/// The tables of this service.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// The types generated from `proto/`.
#[allow(clippy::all, clippy::pedantic, clippy::restriction, missing_docs, reason = "generated code")]
pub mod v1 {
    tonic::include_proto!("loyalty.v1");
}
