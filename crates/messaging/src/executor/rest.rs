//! The rest between two batches of an executor under load.
//!
//! A batch is what came in while the last one was under way. When processors are short, an executor that begins the next
//! one at once does many small ones, and a good part of what they cost goes with the transaction and not with its rows. So
//! after a batch that was not small it rests for as long as the batch took, and the next one is about twice as large. This
//! adapts by itself: where the database is fast the rest is short, and where little comes in there is none. What comes in
//! meanwhile waits for the length of one batch more, or of four in a service for which no saga waits, and never longer than
//! the longest rest that is allowed.

use std::time::Duration;

use tokio::time::Instant;

use crate::LaneOptions;

/// A batch up to this size is followed by the next one at once: what it costs is not worth waiting for.
const SMALL: usize = 32;

/// How much longer a service rests whose writes are derived: no saga waits for it.
const DERIVED: u32 = 4;

/// How an executor rests; by default not at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    /// How many times as long as the batch took.
    pub(crate) times: u32,
    /// The longest rest.
    pub(crate) rest_max: Duration,
}

impl Pace {
    pub(crate) fn of(options: &LaneOptions, derived: bool) -> Self {
        let times = if derived { DERIVED } else { 1 };
        Self { times, rest_max: options.batch_rest_max * times }
    }
}

/// Until when an executor rests.
#[derive(Debug, Default)]
pub(super) struct Rest {
    ends_at: Option<Instant>,
}

impl Rest {
    /// The rest after a batch of `size` commands and messages that took `took`.
    pub(super) fn after(pace: Pace, size: usize, took: Duration) -> Self {
        let rest = (took * pace.times).min(pace.rest_max);
        let pays = size > SMALL && !rest.is_zero();
        Self { ends_at: pays.then(|| Instant::now() + rest) }
    }

    /// `None` when there is none.
    pub(super) fn ends_at(&self) -> Option<Instant> {
        self.ends_at
    }

    /// Looks at the clock; a rest that is over is forgotten.
    pub(super) fn is_over(&mut self) -> bool {
        self.ends_at = self.ends_at.filter(|end| *end > Instant::now());
        self.ends_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { times: 2, rest_max: Duration::from_millis(20) };

    fn rest_after(size: usize, took_ms: u64) -> Option<Duration> {
        let rest = Rest::after(PACE, size, Duration::from_millis(took_ms));
        rest.ends_at().map(|end| end - Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_rest_is_as_long_as_told_and_ends() {
        assert_eq!(rest_after(SMALL + 1, 3), Some(Duration::from_millis(6)));
        assert_eq!(rest_after(SMALL + 1, 300), Some(PACE.rest_max));
        assert_eq!(rest_after(SMALL, 300), None, "small batches follow one another at once");
        let mut rest = Rest::after(PACE, 100, Duration::from_millis(3));
        assert!(!rest.is_over());
        tokio::time::advance(Duration::from_millis(6)).await;
        assert!(rest.is_over() && rest.ends_at().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_may_not_rest_never_does() {
        let never = Pace { rest_max: Duration::ZERO, ..PACE };
        assert!(Rest::after(never, 1_000, Duration::from_secs(1)).is_over());
    }
}
