/// The outcomes of the last calls, oldest overwritten first.
#[derive(Debug)]
pub(crate) struct Window {
    failed: Box<[bool]>,
    next: usize,
    recorded: usize,
    failures: usize,
}

impl Window {
    pub(crate) fn new(calls: usize) -> Self {
        Self { failed: vec![false; calls].into(), next: 0, recorded: 0, failures: 0 }
    }

    pub(crate) fn record(&mut self, failed: bool) {
        let forgotten = std::mem::replace(&mut self.failed[self.next], failed);
        self.failures = self.failures + usize::from(failed) - usize::from(forgotten);
        self.next = (self.next + 1) % self.failed.len();
        self.recorded = (self.recorded + 1).min(self.failed.len());
    }

    pub(crate) fn clear(&mut self) {
        self.failed.fill(false);
        (self.next, self.recorded, self.failures) = (0, 0, 0);
    }

    /// The share of failures, once at least `calls_min` calls are known.
    #[expect(clippy::cast_precision_loss, reason = "a window is far smaller than 2^52 calls")]
    pub(crate) fn failure_rate(&self, calls_min: usize) -> Option<f64> {
        (self.recorded >= calls_min.max(1)).then(|| self.failures as f64 / self.recorded as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_outcomes_are_forgotten() {
        let mut window = Window::new(4);
        for failed in [true, true, false] {
            window.record(failed);
        }
        assert_eq!(window.failure_rate(4), None);
        window.record(false);
        assert_eq!(window.failure_rate(4), Some(0.5));
        window.record(false);
        window.record(false);
        assert_eq!(window.failure_rate(4), Some(0.0));
        window.clear();
        assert_eq!(window.failure_rate(1), None);
    }
}
