//! The place-order saga: orders, inventory and payment with their real deciders, joined by lanes, with a provider that
//! times out and processes that die.
//!
//! What may happen at any time, in any order:
//! - a service takes the next message of any of its lanes, decides, and commits; it dies before, after and in between
//!   ([`Action::Crash`]). What was not committed is lost, what was committed stays;
//! - the network hands a consumer any message of a lane, again or too early; the watermark makes a lane of that;
//! - the customer cancels, the deadline passes (of several orders, one has the one and the next has the other);
//! - payment's worker asks, sends, waits in vain, and dies between the call and the record of its outcome; a worker that
//!   has lost its partition brings what it had heard;
//! - the provider takes a request long after nobody waits for it; it grants or refuses a hold, takes or refuses for good
//!   to take the money.
//!
//! Each order has lanes of its own, as if it were alone in its partition. Sharing lanes would only forbid some of these
//! interleavings. Placing all orders at the beginning forbids none: a message may lie in its lane for as long as it likes.
//! A batch of several messages is what comes of the same messages one by one, without the states in between. That
//! sequences are those of commits, and that a lane is published without a hole, is assumed here.
//!
//! What always holds is listed in `properties.rs`. That every order ends is checked in two parts which together need no
//! trust in how cycles are treated: in every state in which nobody has anything to do, all orders are finished; and every
//! step that is not a fault raises the rank of the state (`rank.rs`), so within finitely many states such steps come to an
//! end. Hence, from every state that any faults have led to, every order ends once faults are rare enough for the
//! services to take their steps.

mod bounds;
mod choices;
mod effects;
mod explore;
mod inventory;
mod lane;
mod message;
mod model;
mod orders;
mod payment;
mod properties;
mod provider;
mod rank;
mod reactions;
mod replay;
mod stock;
mod trace;
mod world;

pub use bounds::{Bounds, Defect};
pub use explore::{Report, Violation, explore};
pub use model::{Action, SagaModel};
pub use provider::Verdict;
pub use replay::{Replay, Taken};
pub use trace::{Recorded, explain};
pub use world::{Input, Service, World};
