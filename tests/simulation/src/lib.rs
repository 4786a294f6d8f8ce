//! The services' own code in one process, every step of it drawn from a seed.
//!
//! Handlers, executors, trackers, relays, healing and the client of the provider are those of the services. PostgreSQL is
//! real, every transaction a step. Clock, ids, broker, leases, customers and the wire to the database belong to the
//! simulation, which draws from the seed what happens next and what goes wrong with it. When the faults have ceased and
//! nothing moves any more, the invariants of `bowline-prove` must hold.
//!
//! **Guarantees.** The same seed and settings lead to the same steps with the same visible outcome on every machine:
//! [`Trace::hash`] is the same.
//!
//! **Does not.** It draws no interleaving within a transaction, and neither Kafka nor its client is part of it; the
//! services' own tests and `tests/e2e` have them.
//!
//! **How to add one more fault.** A [`Fault`], its steps in `step.rs` with their weights, what they do in `perform.rs`.

mod broker;
mod calm;
mod chance;
mod customers;
mod desk;
mod follower;
mod perform;
mod replica;
mod runner;
mod settings;
mod stage;
mod step;
mod trace;
mod verdict;
mod wire;
mod witness;
mod world;

pub use runner::{Outcome, Simulation, run_all};
pub use settings::{Fault, Sabotage, Settings};
pub use trace::Trace;
