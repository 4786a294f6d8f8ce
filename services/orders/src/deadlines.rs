//! Gives up orders that have waited for an answer for long enough.
//!
//! The executor sets a deadline with every step of a pending order ([`crate::app::execute`]); the worker here looks for
//! those that are due, in the partitions that this replica holds, and has the executor cancel the orders. Compensation
//! is that of every cancellation, and so is what happens to an answer that comes after it.
//!
//! **Guarantees.** A deadline takes effect at most once, and only on the step that it was set for: the executor compares
//! its fence under the lock of the partition, after the answers of the same batch. None is lost in a crash. None takes
//! effect while the order's own answer lies unread on this side, or while the service that owes it cannot do its part
//! ([`ways`]), but for the longest time that a deadline may wait.
//!
//! **Does not.** It limits nothing behind the end of an order: what must be done or undone is tried until it is. It does
//! not know how far the other service is with what it has been asked.

mod settings;
mod ways;
mod worker;

pub(crate) use settings::DeadlineArgs;
pub use settings::DeadlineSettings;
pub use ways::Ways;
pub use worker::{DeadlineParts, DeadlineWorker, Round};
