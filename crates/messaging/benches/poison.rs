//! What one key whose messages can never be applied costs the others: a consumer works off a backlog with and without
//! one, by turns, on the real servers of the tests.
//!
//! `cargo bench -p bowline-messaging --bench poison`
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement that tells people what it has seen"
)]

mod backlog;

use crate::backlog::{Backlog, KEYS, compare};

#[tokio::main]
async fn main() {
    let poisoned = Backlog { poisoned: true, ..Backlog::default() };
    let names = ["without", &format!("with one poison key of {KEYS}")];
    compare(names, [Backlog::default(), poisoned]).await;
}
