//! What is done from time to time.

use std::sync::Arc;
use std::time::Duration;

use bowline_config::{Faults, Given};
use bowline_database::Database;
use bowline_idempotency::{self as idempotency, Sweep};
use bowline_kernel::{Clock, error_text};
use chrono::TimeDelta;

use crate::Background;

/// How often a few pages are swept, and how many.
const EVERY: Duration = Duration::from_secs(30);
const PAGES: u32 = 1_000;
/// A caller may repeat a request for a day at least.
const KEPT_MIN: Duration = Duration::from_hours(24);

/// The option of a service that stores answers.
#[derive(clap::Args, Clone, Debug)]
pub struct AnswersArgs {
    /// How long the answer to a request is kept for its repetition; at least 24 hours.
    #[arg(long, env = "BOWLINE_ANSWERS_KEPT", default_value = "48h", help_heading = "Limits")]
    answers_kept: Given<Duration>,
}

impl AnswersArgs {
    /// Takes the time out, for [`forget_answers`].
    pub fn check(self, faults: &mut Faults) -> Option<Duration> {
        faults.take_if("answers-kept", self.answers_kept, "a time of at least 24h", |kept| *kept >= KEPT_MIN)
    }
}

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
                let mut connection = database.acquire().await?;
                idempotency::purge(&mut connection, before, &mut sweep, PAGES).await
            };
            match swept.await {
                Ok(purged) if purged.keys > 0 => {
                    tracing::debug!(keys = purged.keys, "stored answers forgotten");
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(error = error_text(&error), "stored answers could not be swept"),
            }
        }
    });
}
