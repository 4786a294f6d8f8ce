//! Whether the database answers, for the probes.

use std::convert::Infallible;
use std::time::Duration;

use bowline_database::Database;
use bowline_service::Check;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

/// Asks the database from time to time until `stopping` is cancelled.
pub(super) async fn watch(
    database: Database,
    check: Check,
    stopping: CancellationToken,
) -> Result<(), Infallible> {
    let mut turns = tokio::time::interval(EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stopping.run_until_cancelled(turns.tick()).await.is_some() {
        let question = sqlx::query("SELECT 1").execute(database.pool());
        match stopping.run_until_cancelled(tokio::time::timeout(ANSWER_WITHIN, question)).await {
            Some(Ok(Ok(_))) => check.set_ready(),
            Some(Ok(Err(_)) | Err(_)) => check.set_not_ready("the database does not answer"),
            None => {}
        }
    }
    Ok(())
}
