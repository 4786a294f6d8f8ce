//! What is made to go wrong on purpose, on a stack that is there for it.
//!
//! **What it is.** [`schedule`](fn@schedule) draws faults from a seed: which kind, to what, when, for how long. [`Hands`]
//! carry them out on a running stack and tell of each what came of it and how long it took to recover. [`proxy`] stands
//! between processes and their parties for the faults of the network.
//!
//! **Guarantees.** The schedule is a pure function: the same seed, kinds and terrain give the same faults, and never so
//! many at once that a service with replicas has none left. [`Hands::heal`] undoes whatever still goes on, however a run
//! has ended.
//!
//! **Does not.** It judges nothing: whether the books agree afterwards is found out by the ledger of invariants. It asks
//! nobody whether it may: its caller decides on which stack it works. Its statements are unchecked, because they go to
//! tables of every service.
//!
//! **How to add one more kind.** A variant of [`Kind`] with its name, its weight and lengths in `schedule/rules.rs`, and
//! a file in `hands` with its beginning and its end.

mod hands;
mod kind;
pub mod proxy;
mod record;
mod schedule;
mod target;
mod trouble;

pub use hands::{Hands, Site};
pub use kind::{Kind, UnknownKind};
pub use record::{Outcome, Record};
pub use schedule::{Planned, ScheduleOptions, schedule};
pub use target::{Link, ProcessSite, Target, Terrain};
pub use trouble::Trouble;
