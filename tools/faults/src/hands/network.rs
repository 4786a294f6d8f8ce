//! Connections that break, hang or crawl.

use std::time::Duration;

use super::Hands;
use crate::proxy::Mode;
use crate::record::Outcome;
use crate::target::Link;
use crate::trouble::Trouble;

/// The shortest and the longest delay.
const DELAY_MS: (u64, u64) = (20, 250);

/// How much later things come, by the number of the fault.
pub(super) fn delay(number: u32) -> Duration {
    let (least, most) = DELAY_MS;
    // A prime near a third of the span: neighbours differ, and all of it is visited.
    Duration::from_millis(least + u64::from(number) * 73 % (most - least))
}

impl Hands<'_> {
    /// Puts a mode in force on a connection for `length`.
    pub(super) async fn disturb(
        &self,
        link: &Link,
        mode: Mode,
        length: Duration,
    ) -> Result<Outcome, Trouble> {
        let Some(proxy) = self.site.proxies.get(link) else {
            return Ok(Outcome::skipped("nothing stands between them"));
        };
        proxy.set(mode);
        tokio::time::sleep(length).await;
        proxy.set(Mode::Pass);
        match &link.process {
            Some(process) => Ok(Outcome::recovered(self.ready(process).await?)),
            None => Ok(Outcome::done()),
        }
    }
}
