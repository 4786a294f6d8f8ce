//! What is done from time to time.

use std::sync::Arc;
use std::time::Duration;

use bowline_database::Database;
use bowline_idempotency::{self as idempotency, Sweep};
use bowline_kernel::Clock;
use chrono::TimeDelta;

use crate::Background;

/// How often a few pages are swept, and how many.
const EVERY: Duration = Duration::from_secs(30);
const PAGES: u32 = 1_000;

/// Forgets stored answers once they are older than `kept`, a bounded number of pages at a time.
pub fn forget_answers(background: &Background, database: Database, clock: Arc<dyn Clock>, kept: Duration) {
    let stopping = background.stopping();
    background.spawn("answers", async move {
        let mut sweep = Sweep::default();
        let kept = TimeDelta::from_std(kept).unwrap_or(TimeDelta::MAX);
        loop {
            tokio::select! {
                () = stopping.cancelled() => return Ok::<_, idempotency::Error>(()),
                () = tokio::time::sleep(EVERY) => {}
            }
            let Some(before) = clock.now().checked_sub_signed(kept) else { continue };
            let swept = async {
                let mut connection = database.pool().acquire().await?;
                idempotency::purge(&mut connection, before, &mut sweep, PAGES).await
            };
            match swept.await {
                Ok(purged) if purged.keys > 0 => {
                    tracing::debug!(keys = purged.keys, "stored answers forgotten");
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "stored answers could not be swept"),
            }
        }
    });
}
