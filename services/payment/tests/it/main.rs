//! Payment against a real PostgreSQL and a real provider: the simulator, in this process.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

mod api;
mod attempts;
mod bootstrap;
mod executing;
mod lanes;
mod neighbours;
mod provider;
mod stage;
mod takeover;
mod valve;
mod worker;
