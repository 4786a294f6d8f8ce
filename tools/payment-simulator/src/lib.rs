//! A payment provider to run on your own machine: a real HTTP server that holds, settles and releases money on
//! charges, and misbehaves on request.
//!
//! It plays a third party. Its words and its states are its own, so that whoever talks to it has something to
//! translate; README.md describes them.
//!
//! What it guarantees:
//! - a write takes effect once for each idempotency key, however often and however concurrently it is sent;
//! - what it has answered is on disk, and is there again after a `kill -9` and a start on the same folder;
//! - on every charge, held = settled + released + outstanding;
//! - the same seed, keys and attempts meet the same faults.
//!
//! What it does not: authenticate anybody, move real money, or run as several processes on one folder (the second
//! one is refused).
//!
//! To add an operation: a variant of `Request` in `records`, its rule in `decide`, what it does to a charge in
//! `books`, a route in `api`, and a row in the README's table.
//!
//! Tests start it in their own process:
//! ```no_run
//! # async fn example() -> Result<(), bowline_payment_simulator::Error> {
//! use bowline_payment_simulator::{Options, Simulator};
//! let simulator = Simulator::start(Options::new("/tmp/books")).await?;
//! println!("the provider listens on {}", simulator.url());
//! simulator.shutdown().await
//! # }
//! ```

mod amount;
mod api;
mod args;
mod books;
mod decide;
mod faults;
mod journal;
mod keeper;
mod options;
mod records;
mod server;
mod switches;
mod wire;

pub use amount::{Amount, AmountFault};
pub use args::Args;
pub use options::{OptionFaults, Options};
pub use records::{ChargeId, NotAChargeId, Reason};
pub use server::{Error, Simulator};
pub use switches::{NotARate, Rate, Switches};
pub use wire::{
    BookEntry, BooksPage, Charge, ChargeState, Charges, Operation, OperationKind, OperationResult,
};
