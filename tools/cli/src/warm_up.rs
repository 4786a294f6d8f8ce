//! A short replay before the one that is measured, on topics, databases and processes of its own.
//!
//! A cold broker costs twice as much a message, and the first transactions of a young PostgreSQL wait for files to be
//! made. What is warm afterwards are the servers and the machine; the processes that are measured start cold.

use std::num::NonZeroUsize;
use std::time::Duration;

use bowline_dev_stack::Stack;
use bowline_load::generator::Pace;
use bowline_load::plan::Plan;

use crate::fleet::{Fleet, Ground, Places};
use crate::replaying;
use crate::running::Names;
use crate::screen::say;

/// How many orders are replayed.
pub(crate) const ORDERS: NonZeroUsize = NonZeroUsize::new(6_000).expect("6,000 is not zero");
const CONCURRENCY: NonZeroUsize = NonZeroUsize::new(512).expect("512 is not zero");

/// Replays `plan` and removes the databases and processes that this took.
pub(crate) async fn run(
    stack: &Stack,
    names: &Names,
    plan: &Plan,
    stall_after: Duration,
) -> anyhow::Result<()> {
    say(&format!("warming up with {} orders", plan.orders.len()));
    let databases = stack.prepare_databases(&names.database_prefix).await?;
    let ground = Ground {
        name_prefix: "warm-up-",
        databases: databases.clone(),
        kafka: names.kafka(stack),
        places: Places::take(stack)?,
        switches: Vec::new(),
    };
    let fleet = Fleet::start(stack, ground).await?;
    let replayed =
        replaying::run(&fleet, plan, Pace::Closed { concurrency: CONCURRENCY }, stall_after).await?;
    if let Some(stalled) = replayed.stalled {
        return Err(anyhow::Error::from(*stalled).context("the warm-up"));
    }
    fleet.stop(stack).await?;
    databases.drop_all().await?;
    Ok(())
}
