//! Waiting until what a fault has happened to is back.

use std::time::Duration;

use tokio::time::Instant;

use super::Hands;
use crate::trouble::Trouble;

/// How often somebody who is to come back is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Hands<'_> {
    /// Waits until a process says that it is ready, and tells how long that took.
    pub async fn ready(&self, process: &str) -> Result<Duration, Trouble> {
        let url = self.http_url(process);
        self.until(process, async || {
            let url = format!("{url}/readyz");
            self.client.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await
    }

    /// Waits until all processes say that they are ready.
    pub async fn all_ready(&self) -> Result<(), Trouble> {
        for process in &self.site.terrain.processes {
            self.ready(&process.name).await?;
        }
        Ok(())
    }

    /// Base address of the probes of a process; empty for one that there is not.
    pub(super) fn http_url(&self, process: &str) -> &str {
        self.site.terrain.process(process).map_or("", |site| &site.http_url)
    }

    /// Asks until the answer is yes, and tells how long that took.
    pub(super) async fn until(
        &self,
        what: &str,
        mut is_back: impl AsyncFnMut() -> bool,
    ) -> Result<Duration, Trouble> {
        let begun = Instant::now();
        let asking = async {
            while !is_back().await {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let limit = self.site.recovery_max;
        match tokio::time::timeout(limit, asking).await {
            Ok(()) => Ok(begun.elapsed()),
            Err(_) => Err(Trouble::NotRecovered { what: what.to_owned(), limit }),
        }
    }
}
