//! Forgetting request keys past their retention.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bowline_database::Database;
use bowline_idempotency::{Sweep, purge};
use bowline_kernel::Clock;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Pages of the table that one step reads: a few milliseconds of work.
const PAGES_PER_STEP: u32 = 128;

/// How long keys are kept and how often the others are forgotten.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// How long a request may be repeated.
    pub keep: Duration,
    /// How often the table is swept.
    pub every: Duration,
}

/// Sweeps the request keys from time to time until `stopping` is cancelled. A database that is away is tried again at
/// the next turn.
pub(crate) async fn forget_requests(
    database: Database,
    clock: Arc<dyn Clock>,
    retention: Retention,
    stopping: CancellationToken,
) -> Result<(), Infallible> {
    let mut turns = tokio::time::interval(retention.every);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stopping.run_until_cancelled(turns.tick()).await.is_some() {
        match stopping.run_until_cancelled(sweep(&database, &*clock, retention.keep)).await {
            Some(Ok(keys)) => tracing::debug!(keys, "request keys forgotten"),
            Some(Err(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "request keys could not be swept, trying again later");
            }
            None => {}
        }
    }
    Ok(())
}

/// One sweep through the table, one transaction a step. Returns how many keys were forgotten.
pub(crate) async fn sweep(
    database: &Database,
    clock: &dyn Clock,
    keep: Duration,
) -> Result<u64, bowline_idempotency::Error> {
    let before = clock.now() - keep;
    let (mut at, mut keys) = (Sweep::default(), 0);
    loop {
        let mut transaction = database.begin().await?;
        let purged = purge(&mut transaction, before, &mut at, PAGES_PER_STEP).await?;
        transaction.commit().await?;
        keys += purged.keys;
        if purged.finished {
            return Ok(keys);
        }
    }
}
