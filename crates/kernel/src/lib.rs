//! The pure part that every domain shares: deciders, the stored form of events, typed ids, money, and the sources of time
//! and ids.
//!
//! **Guarantees.** Nothing in here does I/O. [`Money`] never rounds, overflows or mixes currencies silently.
//! Time and ids enter a domain as data; [`SystemClock`] and [`SystemIds`] are the only places that ask the machine.
//!
//! **Does not.** It knows no order, no stock and no payment beyond the kinds of ids that cross service borders.
//!
//! **How to add one more id.** An id that crosses a service border goes to [`ids`], with the form it must have;
//! an id that stays inside one service belongs to that service's domain crate.

mod decider;
mod error_text;
pub mod ids;
mod money;
mod quantity;
mod source;
pub mod spec;
pub mod stored;

pub use decider::Decider;
pub use error_text::error_text;
pub use ids::{CustomerId, EventId, InvalidId, OrderId, PaymentToken, RequestId, Sku};
pub use money::{Currency, Money, MoneyError};
pub use quantity::Quantity;
pub use source::{Clock, IdSource, ManualClock, SequentialIds, SystemClock, SystemIds};
