//! The simulator over real HTTP, and as a process of its own.

mod faults;
mod idempotency;
mod input;
mod operations;
mod process;
mod provider;
mod restart;
