use std::future::Future;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder, Retryable as _};

use crate::RetrySettings;

/// Repeats calls with exponential back-off and jitter: each wait lies between the back-off and twice the back-off,
/// which doubles from the first to the longest.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    settings: RetrySettings,
}

impl Retry {
    /// Repeats within the bounds of the settings.
    pub fn new(settings: RetrySettings) -> Self {
        Self { settings }
    }

    /// The same waits, but without end; for work that must be done some time, such as a stored intent.
    #[must_use]
    pub fn endless(mut self) -> Self {
        self.settings.attempts_max = None;
        self
    }

    /// Makes the call until it succeeds, its error may not be repeated, or the attempts are used up; the last error is
    /// the answer. `notify` hears of every failed attempt that is followed by another one, and how long until then.
    pub async fn run<T, E, F>(
        &self,
        call: impl FnMut() -> F,
        retry_if: impl FnMut(&E) -> bool,
        notify: impl FnMut(&E, Duration),
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        call.retry(self.schedule()).when(retry_if).notify(notify).await
    }

    /// The waits between attempts, for loops that cannot be written as one call.
    pub fn waits(&self) -> impl Iterator<Item = Duration> + Send + Sync + 'static {
        self.schedule().build()
    }

    fn schedule(&self) -> ExponentialBuilder {
        let schedule = ExponentialBuilder::default()
            .with_min_delay(self.settings.backoff_min)
            .with_max_delay(self.settings.backoff_max)
            .with_jitter();
        match self.settings.attempts_max {
            Some(attempts) => schedule.with_max_times(attempts.saturating_sub(1) as usize),
            None => schedule.without_max_times(),
        }
    }
}
