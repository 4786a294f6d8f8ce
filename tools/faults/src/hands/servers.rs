//! PostgreSQL and Kafka that go away and come back.

use tokio::time::Instant;

use super::Hands;
use crate::record::Outcome;
use crate::trouble::Trouble;

impl Hands<'_> {
    /// Stops PostgreSQL without a checkpoint and waits until it accepts connections again.
    pub async fn restart_postgres(&self) -> Result<Outcome, Trouble> {
        let Ok(_alone) = self.servers.try_lock() else { return Ok(still_away()) };
        let begun = Instant::now();
        self.site.stack.postgres().restart_immediately().await?;
        Ok(Outcome::recovered(begun.elapsed()))
    }

    /// Waits until those servers are at work that are ours.
    pub(super) async fn servers_ready(&self) -> Result<(), Trouble> {
        let stack = self.site.stack;
        for ready in [stack.postgres().wait_ready().await, stack.kafka().wait_ready().await] {
            match ready {
                Ok(()) | Err(bowline_dev_stack::Error::NotOurs { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Kills Kafka and waits until it accepts connections again.
    pub async fn restart_kafka(&self) -> Result<Outcome, Trouble> {
        let Ok(_alone) = self.servers.try_lock() else { return Ok(still_away()) };
        let begun = Instant::now();
        let kafka = self.site.stack.kafka();
        if kafka.server().kill().await?.is_none() {
            return Ok(Outcome::skipped("it did not run"));
        }
        kafka.wait_ready().await?;
        Ok(Outcome::recovered(begun.elapsed()))
    }
}

fn still_away() -> Outcome {
    Outcome::skipped("a server was still coming back from the last time")
}
