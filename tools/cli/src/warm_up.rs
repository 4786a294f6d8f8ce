//! A short replay before the one that is measured, on topics, databases and processes of its own.
//!
//! A cold broker costs twice as much a message, and the first transactions of a young PostgreSQL wait for files to be
//! made. What is warm afterwards are the servers and the machine; the processes that are measured start cold.

use std::num::NonZeroUsize;
use std::time::Duration;

use bowline_dev_stack::Stack;
use bowline_load::generator::Pace;
use bowline_load::plan::Plan;

use crate::fleet::{self, Changes, Fleet, Ground, Places};
use crate::replaying;
use crate::running::Names;
use crate::screen::say;

/// The most orders that are replayed; by then the broker has compiled what it uses.
const ORDERS_MAX: usize = 12_000;
/// The fewest; a measured replay of a handful would be too little.
const ORDERS_MIN: NonZeroUsize = NonZeroUsize::new(1_000).expect("1,000 is not zero");
/// The fewest orders in flight.
const CONCURRENCY_MIN: NonZeroUsize = NonZeroUsize::new(64).expect("64 is not zero");
/// In flight where the measured replay has no limit.
const CONCURRENCY_OPEN: NonZeroUsize = NonZeroUsize::new(512).expect("512 is not zero");

/// How many orders warm up for a replay of `measured` orders.
pub(crate) fn orders(measured: usize) -> NonZeroUsize {
    NonZeroUsize::new(measured.min(ORDERS_MAX)).map_or(ORDERS_MIN, |orders| orders.max(ORDERS_MIN))
}

/// Replays `plan`, about as wide as `pace`, and removes the databases and processes that this took.
pub(crate) async fn run(
    stack: &Stack,
    names: &Names,
    plan: &Plan,
    pace: Pace,
    stall_after: Duration,
) -> anyhow::Result<()> {
    say(&format!("warming up with {} orders", plan.orders.len()));
    let databases = stack.prepare_databases(&names.database_prefix).await?;
    let ground = Ground {
        programs: fleet::own_programs()?,
        name_prefix: "warm-up-",
        databases: databases.clone(),
        kafka: names.kafka(stack),
        places: Places::take(stack)?,
        switches: Vec::new(),
        changes: Changes::default(),
    };
    let fleet = Fleet::start(stack, ground).await?;
    let concurrency = match pace {
        Pace::Closed { concurrency } => concurrency.max(CONCURRENCY_MIN),
        Pace::Open { .. } => CONCURRENCY_OPEN,
    };
    let replayed = replaying::run(&fleet, plan, Pace::Closed { concurrency }, stall_after).await?;
    if let Some(stalled) = replayed.stalled {
        return Err(anyhow::Error::from(*stalled).context("the warm-up"));
    }
    fleet.stop(stack).await?;
    databases.drop_all().await?;
    Ok(())
}
