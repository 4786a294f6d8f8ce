//! Processes that die and processes that hang.

use std::time::Duration;

use super::Hands;
use crate::record::Outcome;
use crate::trouble::Trouble;

impl Hands<'_> {
    /// SIGKILL; supervision starts it again.
    pub async fn kill(&self, process: &str) -> Result<Outcome, Trouble> {
        if self.site.stack.supervisor().kill(process).await?.is_none() {
            return Ok(Outcome::skipped("it did not run"));
        }
        Ok(Outcome::recovered(self.ready(process).await?))
    }

    /// SIGSTOP, SIGCONT after `length`.
    pub(super) async fn pause(&self, process: &str, length: Duration) -> Result<Outcome, Trouble> {
        let supervisor = self.site.stack.supervisor();
        if supervisor.pause(process)?.is_none() {
            return Ok(Outcome::skipped("it did not run"));
        }
        tokio::time::sleep(length).await;
        supervisor.go_on(process)?;
        Ok(Outcome::recovered(self.ready(process).await?))
    }

    /// SIGKILL, and nobody starts it again until [`Hands::start_again`].
    pub async fn kill_for_good(&self, process: &str) -> Result<(), Trouble> {
        self.site.stack.supervisor().kill_for_good(process).await?;
        Ok(())
    }

    /// Starts a process again that was killed for good, and waits until it is ready.
    pub async fn start_again(&self, process: &str) -> Result<(), Trouble> {
        self.site.stack.supervisor().start_again(process).await?;
        self.ready(process).await.map(|_| ())
    }
}
