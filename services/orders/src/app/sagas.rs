//! Counts sagas from their beginning to their end, for Prometheus and for operators.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bowline_metrics::{Distribution, Histogram, Metric, Source, Telling};
use bowline_orders_domain::{Awaited, Event, Outcome, State};
use chrono::{DateTime, Utc};

const STARTED: Metric = Metric::counter("bowline_sagas_started_total", "Orders that were accepted");
const DECIDED: Distribution = Distribution {
    name: "bowline_saga_decision_seconds",
    help: "How long orders took from their acceptance until it was decided how they end, by outcome",
};
const FINISHED: Distribution = Distribution {
    name: "bowline_saga_duration_seconds",
    help: "How long orders took from their acceptance until every effect of their end was reported, by outcome",
};
const PENDING: Metric = Metric::gauge(
    "bowline_sagas_pending",
    "Orders held by this replica that are not decided, by what they wait for, at the last look",
);

/// In seconds.
const BOUNDS: [f64; 13] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// The sagas of a process since its start. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Sagas {
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    started: u64,
    /// By the name of the outcome.
    decided: BTreeMap<&'static str, Histogram>,
    finished: BTreeMap<&'static str, Histogram>,
    pending: Pending,
}

/// Orders that are not decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) stock: u64,
    pub(crate) payment: u64,
}

/// A step of a saga that is worth counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Milestone {
    Started,
    Decided(Outcome, Duration),
    Finished(Outcome, Duration),
}

impl Milestone {
    /// What `event` is to the saga of an order, now in `state`, that was pending before or not.
    pub(super) fn of(event: &Event, state: &State, was_pending: bool) -> Option<Self> {
        let placed_at = match state {
            State::Unknown => return None,
            State::Pending { order, .. }
            | State::Confirmed { order, .. }
            | State::Cancelled { order, .. } => order.placed_at,
        };
        match event {
            Event::OrderPlaced(_) => Some(Self::Started),
            Event::OrderConfirmed(event) => {
                Some(Self::Decided(Outcome::Confirmed, between(placed_at, event.confirmed_at)))
            }
            // A confirmed order whose capture fails was decided before.
            Event::OrderCancelled(event) if was_pending => {
                Some(Self::Decided(Outcome::Cancelled(event.reason), between(placed_at, event.cancelled_at)))
            }
            Event::OrderFinished(event) => {
                Some(Self::Finished(event.outcome, between(placed_at, event.finished_at)))
            }
            Event::OrderCancelled(_)
            | Event::StockReservationNoted(_)
            | Event::StockCommitNoted(_)
            | Event::StockReleaseNoted(_)
            | Event::StockRestockNoted(_)
            | Event::CaptureNoted(_)
            | Event::VoidNoted(_) => None,
        }
    }
}

impl Pending {
    pub(crate) fn add(&mut self, awaited: Awaited, count: u64) {
        match awaited {
            Awaited::Stock => self.stock += count,
            Awaited::Payment => self.payment += count,
        }
    }

    fn by_awaited(self) -> [(&'static str, u64); 2] {
        [("stock", self.stock), ("payment", self.payment)]
    }
}

impl Sagas {
    /// These steps are committed.
    pub(super) fn count(&self, milestones: &[Milestone]) {
        if milestones.is_empty() {
            return;
        }
        let mut counts = self.counts();
        for milestone in milestones {
            let (durations, outcome, took) = match *milestone {
                Milestone::Started => {
                    counts.started += 1;
                    continue;
                }
                Milestone::Decided(outcome, took) => (&mut counts.decided, outcome, took),
                Milestone::Finished(outcome, took) => (&mut counts.finished, outcome, took),
            };
            let durations = durations.entry(name(outcome)).or_insert_with(|| Histogram::new(&BOUNDS));
            durations.see(took.as_secs_f64());
        }
    }

    /// So many were pending at the last look.
    pub(crate) fn set_pending(&self, pending: Pending) {
        self.counts().pending = pending;
    }

    /// How many orders were not decided at the last look, by what they wait for.
    pub fn in_flight(&self) -> Vec<(&'static str, u64)> {
        self.counts().pending.by_awaited().to_vec()
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        // Counting leaves it whole, whatever panics.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Sagas {
    fn tell(&self, to: &mut Telling<'_>) -> fmt::Result {
        let counts = self.counts();
        to.one(STARTED, counts.started)?;
        for (metric, by_outcome) in [(DECIDED, &counts.decided), (FINISHED, &counts.finished)] {
            let samples = by_outcome.iter().map(|(outcome, durations)| ([("outcome", *outcome)], durations));
            to.distributions(metric, samples)?;
        }
        let pending = counts.pending.by_awaited();
        to.all(PENDING, pending.map(|(awaited, count)| ([("awaits", awaited)], count)))
    }
}

const fn name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Confirmed => "confirmed",
        Outcome::Cancelled(reason) => reason.name(),
    }
}

/// Zero if a clock was set back in between.
fn between(earlier: DateTime<Utc>, later: DateTime<Utc>) -> Duration {
    (later - earlier).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bowline_metrics::Metrics;
    use bowline_orders_domain::CancelReason;
    use bowline_test_support::metrics_page::{documented, exported};

    use super::*;

    fn text() -> String {
        let sagas = Sagas::default();
        let (soon, late) = (Duration::from_millis(20), Duration::from_millis(1_500));
        sagas.count(&[
            Milestone::Started,
            Milestone::Started,
            Milestone::Decided(Outcome::Cancelled(CancelReason::OutOfStock), soon),
            Milestone::Finished(Outcome::Cancelled(CancelReason::OutOfStock), late),
        ]);
        sagas.set_pending(Pending { stock: 0, payment: 3 });
        let metrics = Metrics::default();
        metrics.add(sagas);
        metrics.text()
    }

    #[test]
    fn sagas_are_told_by_how_far_they_are() {
        let text = text();
        for line in [
            "bowline_sagas_started_total 2",
            r#"bowline_saga_decision_seconds_bucket{outcome="out_of_stock",le="0.01"} 0"#,
            r#"bowline_saga_decision_seconds_bucket{outcome="out_of_stock",le="0.025"} 1"#,
            r#"bowline_saga_duration_seconds_count{outcome="out_of_stock"} 1"#,
            r#"bowline_saga_duration_seconds_sum{outcome="out_of_stock"} 1.5"#,
            r#"bowline_sagas_pending{awaits="payment"} 3"#,
            r#"bowline_sagas_pending{awaits="stock"} 0"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_page_of_metrics_lists_them() {
        assert_eq!(exported(&text()), documented("## Orders"));
    }
}
