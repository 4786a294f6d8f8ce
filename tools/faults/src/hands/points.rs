//! Processes that abort at a point of their work.
//!
//! A service that was built for it answers `POST /fault-points/{point}` beside its probes, and aborts the next time it
//! comes to the point. One that was not built for it answers 404.

use std::time::Duration;

use bowline_fault_points::Point;
use reqwest::StatusCode;

use super::Hands;
use crate::record::Outcome;
use crate::trouble::Trouble;

impl Hands<'_> {
    /// Tells a process to abort at a point, and waits `wait` for it to come there.
    pub(super) async fn abort_at(
        &self,
        process: &str,
        point: Point,
        wait: Duration,
    ) -> Result<Outcome, Trouble> {
        let supervisor = self.site.stack.supervisor();
        let before = supervisor.pid(process)?;
        let url = format!("{}/fault-points/{}", self.http_url(process), point.name());
        let answer = match self.client.post(url).send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Ok(Outcome::skipped("it did not listen")),
            // It may have come to the point before it could answer.
            Err(_) => return self.aborted(process, before, wait).await,
        };
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(Outcome::skipped("the service was built without fault points")),
            status if status.is_success() => self.aborted(process, before, wait).await,
            status => Err(Trouble::Point { process: process.to_owned(), said: status.to_string() }),
        }
    }

    async fn aborted(&self, process: &str, before: Option<u32>, wait: Duration) -> Result<Outcome, Trouble> {
        let supervisor = self.site.stack.supervisor();
        let gone = self.until(process, async || !supervisor.pid(process).is_ok_and(|pid| pid == before));
        if tokio::time::timeout(wait, gone).await.is_err() {
            return Ok(Outcome::NotReached);
        }
        Ok(Outcome::recovered(self.ready(process).await?))
    }
}
