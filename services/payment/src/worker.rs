//! Has the provider execute the open operations of the partitions that this replica holds.
//!
//! **Guarantees.** An open operation is worked on until its outcome is stored, across crashes and changes of the
//! holder. The provider gets the same idempotency key however often an operation is sent, and an outcome is what the
//! provider says, never what a time-out suggests. An outcome that is stored already has no effect.
//!
//! **Does not.** It decides nothing about payments: it brings outcomes to the executor. That only one replica works on
//! an operation saves calls; nothing rests on it.
//!
//! Operations come in two ways. The executor hands over what it has opened right after its commit ([`IntentSender`]).
//! And the table is read: when a partition is taken over, when the executor could not hand over because the worker was
//! busy, and every now and then, because a replica may open an operation in a partition that it no longer holds.

mod attempts;
mod desk;
mod failed_calls;
mod intake;
mod spans;

pub use attempts::Step;
pub use desk::{Worker, WorkerParts, WorkerSettings};
pub use intake::{IntentReceiver, IntentSender, intents};
