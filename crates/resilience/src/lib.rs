//! Calls to what may fail: a circuit breaker, a drain valve behind it, retries with back-off, time-outs.
//!
//! **Guarantees.** Every wait is bounded and every bound is an option with help. A call that is dropped half-way takes
//! no place in a breaker for ever. State changes of a breaker are logged once each and can be watched.
//!
//! **Does not.** It shares nothing between processes: each replica finds out for itself that a dependency is down.
//! It repeats only what it is told to repeat; whether a call may be repeated is the caller's knowledge.
//!
//! **How to protect one more dependency.** Flatten [`BreakerOptions`] into the options under the dependency's name,
//! build one [`Breaker`] at start, share it, and wrap each attempt from the outside in: retry around breaker around
//! time-out, so that an open breaker ends the retries at once if `retry_if` says so. Where work that is stored waits for
//! the dependency, put a [`Valve`] around the breaker: its calls wait instead of being refused, and the dependency that
//! comes back is not met by all of them at once. A caller who waits for an answer is better refused.
//!
//! The breaker is our own state machine. The published ones were compared: one counts a ring that must be full before
//! it can open and tells nobody its state, one weighs failures by time instead of counting calls, one is bound to one
//! response type behind an asynchronous lock; two of the three let any number of probes through when half open.

mod breaker;
mod options;
mod retry;
mod timeout;
mod valve;
mod window;

pub use breaker::{Breaker, Broken, Counters, State};
pub use options::{BreakerOptions, BreakerSettings, RetryOptions, RetrySettings};
pub use retry::Retry;
pub use timeout::{Elapsed, within};
pub use valve::{Flow, Pass, Valve, ValveOptions, ValveSettings};
