//! A service whose work runs on lanes: readiness, failure and drain of its node.

use std::time::Duration;

use bowline_database::Database;
use bowline_messaging::{CommandError, Node};
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use crate::readiness::Check;
use crate::{ApiError, ErrorKind, Service};

/// How often it is checked that the database answers.
const PING_EVERY: Duration = Duration::from_secs(1);

/// A part of the node ended although nobody stopped it.
#[derive(Debug, thiserror::Error)]
#[error("{0} of the node ended although nobody stopped it")]
pub struct NodeFailed(&'static str);

impl Service {
    /// Runs `node` with this service: the service is ready when the database answers and every topic is there, ends if
    /// a part of the node ends, and drains the node once the last call is answered. `reads` is asked whether the
    /// database answers.
    #[must_use]
    pub fn with_node<C, R>(self, mut node: Node<C, R>, reads: Database) -> Self
    where
        C: Send + 'static,
        R: Send + 'static,
    {
        let background = self.background();
        let database = self.readiness().register("database");
        let topics = self.readiness().register("topics");
        topics.set_not_ready("waiting for every topic to be there");
        let (topics_ready, stopping) = (node.topics_ready(), background.stopping());
        background.spawn("topics", async move {
            tokio::select! {
                () = topics_ready => topics.set_ready(),
                () = stopping.cancelled() => {}
            }
            stopping.cancelled().await;
            Ok::<_, NodeFailed>(())
        });
        let stopping = background.stopping();
        background.spawn("database check", async move {
            tokio::select! {
                () = ping(reads, database) => {}
                () = stopping.cancelled() => {}
            }
            Ok::<_, NodeFailed>(())
        });
        let patience = self.drain_timeout();
        let (stop, stopped) = oneshot::channel::<()>();
        let (done, drained) = oneshot::channel::<()>();
        background.spawn("node", async move {
            tokio::select! {
                part = node.failed() => return Err(NodeFailed(part)),
                // A service that is dropped without a drain has nothing to hand over either.
                _ = stopped => node.drain(patience).await,
            }
            let _ = done.send(());
            Ok(())
        });
        self.on_drain("node", async move {
            let _ = stop.send(());
            let _ = drained.await;
        })
    }
}

/// What went wrong with a command, as its caller sees it.
pub fn command_failed(error: CommandError) -> ApiError {
    match error {
        CommandError::Busy => {
            ApiError::new(ErrorKind::Exhausted, "TOO_MANY_REQUESTS", "too many requests are waiting")
                .retry_after(Duration::from_millis(100))
        }
        CommandError::Unavailable => ApiError::new(
            ErrorKind::Unavailable,
            "DATABASE_UNAVAILABLE",
            "nothing can be stored at the moment: send the same request again",
        )
        .retry_after(Duration::from_millis(500)),
        CommandError::Conflict => ApiError::new(
            ErrorKind::Conflict,
            "REQUEST_IN_PROGRESS",
            "a request with this request_id is being worked on: send it again",
        ),
        CommandError::Failed => ApiError::internal(error),
    }
}

async fn ping(database: Database, check: Check) {
    let mut ticks = tokio::time::interval(PING_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match database.ping().await {
            Ok(()) => check.set_ready(),
            Err(error) => check.set_not_ready(error.to_string()),
        }
    }
}
