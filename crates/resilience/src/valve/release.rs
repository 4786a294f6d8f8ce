//! The rate at which a valve lets out what has waited. The limiter is `governor`'s, on tokio's clock.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use super::ValveSettings;

/// So much of a second may be made up for at once. Timers are no finer than a millisecond, and a rate of thousands must
/// come about all the same.
const BURSTS_A_SECOND: f64 = 100.0;

/// What has waited for one closing of the breaker, on its way out.
pub(super) struct Release {
    closed_at: Instant,
    step: Option<Step>,
}

/// Whether the next call may be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Released {
    /// It may.
    Now,
    /// It may, and so may all others from now on.
    All,
    /// Not for so long; then it is to be asked again.
    After(Duration),
}

/// A time in which the rate stays the same.
struct Step {
    number: u32,
    limiter: RateLimiter<NotKeyed, InMemoryState, SinceClosing, NoOpMiddleware<Duration>>,
}

/// The time since the breaker closed.
struct SinceClosing(Instant);

impl Release {
    pub(super) fn new(closed_at: Instant) -> Self {
        Self { closed_at, step: None }
    }

    pub(super) fn belongs_to(&self, closed_at: Instant) -> bool {
        self.closed_at == closed_at
    }

    /// Takes one call from the rate.
    pub(super) fn next(&mut self, settings: &ValveSettings) -> Released {
        let elapsed = self.closed_at.elapsed();
        let Some(rate) = settings.rate_after(elapsed) else { return Released::All };
        let number = settings.step_after(elapsed);
        let kept = self.step.take().filter(|step| step.number == number);
        let step = self.step.insert(kept.unwrap_or_else(|| Step::new(number, rate, self.closed_at)));
        let Err(too_early) = step.limiter.check() else { return Released::Now };
        // A new step has another rate.
        let step_ends = settings.interval * (number + 1);
        Released::After(too_early.wait_time_from(elapsed).min(step_ends.saturating_sub(elapsed)))
    }
}

impl Step {
    fn new(number: u32, rate: f64, closed_at: Instant) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is small and above zero"
        )]
        let burst = NonZeroU32::new((rate / BURSTS_A_SECOND) as u32).unwrap_or(NonZeroU32::MIN);
        let period = Duration::from_secs_f64(1.0 / rate);
        let quota = Quota::with_period(period).expect("a rate has a period").allow_burst(burst);
        Self { number, limiter: RateLimiter::direct_with_clock(quota, SinceClosing(closed_at)) }
    }
}

impl Clock for SinceClosing {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
