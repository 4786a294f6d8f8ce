//! How large batches are and how long they take.

use std::time::Duration;

use bowline_metrics::Histogram;

/// In seconds.
const TIMES: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
const SIZES: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0];

/// The batches of an executor since its start. Clones share them.
#[derive(Debug, Clone)]
pub struct Batches {
    /// From their beginning to their commit, in seconds; with the time that was spent on trying again.
    pub durations: Histogram,
    /// Messages and commands in them.
    pub sizes: Histogram,
}

impl Default for Batches {
    fn default() -> Self {
        Self { durations: Histogram::new(&TIMES), sizes: Histogram::new(&SIZES) }
    }
}

impl Batches {
    #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
    pub(super) fn see(&self, size: usize, took: Duration) {
        self.durations.see(took.as_secs_f64());
        self.sizes.see(size as f64);
    }
}
