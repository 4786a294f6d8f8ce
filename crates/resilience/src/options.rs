use std::time::Duration;

use bowline_config::{Faults, Given, Ratio};
use clap::Args;

/// Options of circuit breakers. A process with several dependencies gives all of their breakers the same ones.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "the flags take their names from the fields")]
pub struct BreakerOptions {
    /// Share of failed calls, from 0 to 1, at which a circuit breaker opens.
    #[arg(
        long,
        env = "BOWLINE_BREAKER_FAILURE_RATE",
        default_value = "0.5",
        help_heading = "Circuit breakers"
    )]
    breaker_failure_rate: Given<Ratio>,
    /// Number of latest calls over which a circuit breaker counts failures.
    #[arg(
        long,
        env = "BOWLINE_BREAKER_WINDOW_CALLS",
        default_value = "50",
        help_heading = "Circuit breakers"
    )]
    breaker_window_calls: Given<usize>,
    /// Number of calls below which a circuit breaker never opens.
    #[arg(long, env = "BOWLINE_BREAKER_CALLS_MIN", default_value = "10", help_heading = "Circuit breakers")]
    breaker_calls_min: Given<usize>,
    /// How long an open circuit breaker lets no call through before it probes.
    #[arg(long, env = "BOWLINE_BREAKER_OPEN_TIME", default_value = "2s", help_heading = "Circuit breakers")]
    breaker_open_time: Given<Duration>,
    /// Number of calls that probe at once, and that must all succeed before a circuit breaker closes.
    #[arg(long, env = "BOWLINE_BREAKER_PROBES", default_value = "3", help_heading = "Circuit breakers")]
    breaker_probes: Given<usize>,
}

/// Checked settings of a breaker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerSettings {
    /// Share of failed calls at which the breaker opens.
    pub failure_rate: f64,
    /// Number of latest calls that are counted; at least 1.
    pub window_calls: usize,
    /// Number of calls below which the breaker never opens.
    pub calls_min: usize,
    /// How long it stays open before it probes.
    pub open_time: Duration,
    /// How many probes must succeed, and at most run at once; at least 1.
    pub probes: usize,
}

/// Options of repeated calls.
#[derive(Args, Clone, Debug)]
#[expect(clippy::struct_field_names, reason = "the flags take their names from the fields")]
pub struct RetryOptions {
    /// How often a call to another service is attempted in all.
    #[arg(long, env = "BOWLINE_RETRY_ATTEMPTS_MAX", default_value = "4", help_heading = "Retries")]
    retry_attempts_max: Given<u32>,
    /// Wait before the second attempt; each further wait doubles. Jitter adds up to the same again.
    #[arg(long, env = "BOWLINE_RETRY_BACKOFF_MIN", default_value = "50ms", help_heading = "Retries")]
    retry_backoff_min: Given<Duration>,
    /// Longest wait between two attempts, before jitter.
    #[arg(long, env = "BOWLINE_RETRY_BACKOFF_MAX", default_value = "5s", help_heading = "Retries")]
    retry_backoff_max: Given<Duration>,
}

/// Checked settings of repeated calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// Attempts in all; `None` repeats without end.
    pub attempts_max: Option<u32>,
    /// The first wait.
    pub backoff_min: Duration,
    /// The longest wait.
    pub backoff_max: Duration,
}

impl BreakerOptions {
    /// The settings, or `None` and the faults.
    pub fn check(self, faults: &mut Faults) -> Option<BreakerSettings> {
        let failure_rate = faults.take_if(
            "breaker-failure-rate",
            self.breaker_failure_rate,
            "a share above 0, up to 1",
            |rate| rate.get() > 0.0,
        );
        let window_calls = faults.within("breaker-window-calls", self.breaker_window_calls, 1..=100_000);
        let shown = format!("{:?}", self.breaker_calls_min);
        let calls_min = faults.within("breaker-calls-min", self.breaker_calls_min, 1..=100_000);
        let open_time = faults.positive("breaker-open-time", self.breaker_open_time);
        let probes = faults.within("breaker-probes", self.breaker_probes, 1..=1_000);
        if let (Some(window), Some(least)) = (window_calls, calls_min)
            && least > window
        {
            faults.add("breaker-calls-min", Some(shown), "at most --breaker-window-calls");
        }
        Some(BreakerSettings {
            failure_rate: failure_rate?.get(),
            window_calls: window_calls?,
            calls_min: calls_min?,
            open_time: open_time?,
            probes: probes?,
        })
    }
}

impl RetryOptions {
    /// The settings, or `None` and the faults.
    pub fn check(self, faults: &mut Faults) -> Option<RetrySettings> {
        let attempts_max = faults.within("retry-attempts-max", self.retry_attempts_max, 1..=1_000);
        let backoff_min = faults.positive("retry-backoff-min", self.retry_backoff_min);
        let shown = format!("{:?}", self.retry_backoff_max);
        let backoff_max = faults.positive("retry-backoff-max", self.retry_backoff_max);
        if let (Some(shortest), Some(longest)) = (backoff_min, backoff_max)
            && shortest > longest
        {
            faults.add("retry-backoff-max", Some(shown), "at least --retry-backoff-min");
        }
        Some(RetrySettings {
            attempts_max: Some(attempts_max?),
            backoff_min: backoff_min?,
            backoff_max: backoff_max?,
        })
    }
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failure_rate: 0.5,
            window_calls: 50,
            calls_min: 10,
            open_time: Duration::from_secs(2),
            probes: 3,
        }
    }
}

impl Default for RetrySettings {
    fn default() -> Self {
        Self {
            attempts_max: Some(4),
            backoff_min: Duration::from_millis(50),
            backoff_max: Duration::from_secs(5),
        }
    }
}
