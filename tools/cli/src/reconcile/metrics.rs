//! The rounds as metrics for Prometheus.

use std::fmt;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use bowline_metrics::{Metric, Metrics, Source, Telling};
use bowline_prove::{Kind, Reconciled};
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::sync::watch;

const ROUNDS: Metric =
    Metric::counter("bowline_reconcile_rounds_total", "Rounds since the start, by how they ended");
const DIFFERENCES: Metric = Metric::gauge(
    "bowline_reconcile_differences",
    "Differences that the last round has found, by what differs",
);
const COMPARED: Metric =
    Metric::gauge("bowline_reconcile_orders_compared", "Orders that the last round has compared");
const OPEN: Metric =
    Metric::gauge("bowline_reconcile_orders_open", "Orders that were not at rest in the last round");
const UNSETTLED: Metric = Metric::gauge(
    "bowline_reconcile_orders_unsettled",
    "Orders that differed, but could not be told for sure",
);
const FINISHED_AT: Metric =
    Metric::gauge("bowline_reconcile_last_round_timestamp_seconds", "When the last round was finished");
const TOOK: Metric =
    Metric::gauge("bowline_reconcile_last_round_duration_seconds", "How long the last round took");

/// What is known of the rounds.
#[derive(Debug, Clone, Default)]
pub(super) struct Rounds {
    /// The last round that was finished.
    last: Option<Round>,
    done: u64,
    failed: u64,
}

#[derive(Debug, Clone)]
struct Round {
    reconciled: Reconciled,
    took: Duration,
    finished_at: DateTime<Utc>,
}

/// Tells what is known when it is asked.
struct Told(watch::Receiver<Rounds>);

impl Rounds {
    pub(super) fn done(&mut self, reconciled: Reconciled, took: Duration, finished_at: DateTime<Utc>) {
        self.last = Some(Round { reconciled, took, finished_at });
        self.done += 1;
    }

    pub(super) fn failed(&mut self) {
        self.failed += 1;
    }
}

impl Source for Told {
    fn tell(&self, to: &mut Telling<'_>) -> fmt::Result {
        let rounds = self.0.borrow();
        to.all(ROUNDS, [([("outcome", "done")], rounds.done), ([("outcome", "failed")], rounds.failed)])?;
        let Some(Round { reconciled, took, finished_at }) = &rounds.last else { return Ok(()) };
        let count = |kind| reconciled.differences.iter().filter(|difference| difference.kind == kind).count();
        to.all(DIFFERENCES, Kind::ALL.iter().map(|kind| ([("kind", kind.name())], count(*kind))))?;
        to.one(COMPARED, reconciled.compared)?;
        to.one(OPEN, reconciled.open)?;
        to.one(UNSETTLED, reconciled.unsettled)?;
        to.one(FINISHED_AT, finished_at.timestamp().unsigned_abs())?;
        to.one(TOOK, took.as_secs_f64())
    }
}

/// Serves until it fails; without a listener it only waits.
pub(super) async fn serve(
    listener: Option<TcpListener>,
    rounds: watch::Receiver<Rounds>,
) -> std::io::Result<()> {
    let Some(listener) = listener else { return std::future::pending().await };
    let metrics = Metrics::default();
    metrics.add(Told(rounds));
    let router = Router::new().route("/metrics", get(answer)).with_state(metrics);
    axum::serve(listener, router).await
}

async fn answer(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(CONTENT_TYPE, bowline_metrics::CONTENT_TYPE)], metrics.text())
}

#[cfg(test)]
mod tests {
    use bowline_prove::Difference;
    use bowline_test_support::metrics_page::{documented, exported};

    use super::*;

    fn text(rounds: &Rounds) -> String {
        let metrics = Metrics::default();
        metrics.add(Told(watch::channel(rounds.clone()).1));
        metrics.text()
    }

    fn after_a_round() -> Rounds {
        let mut rounds = Rounds::default();
        rounds.failed();
        let difference = Difference {
            reference: "o-1".into(),
            kind: Kind::Payment,
            says: String::new(),
            cause: String::new(),
            remedy: String::new(),
        };
        let reconciled = Reconciled { compared: 7, open: 2, unsettled: 1, differences: vec![difference; 2] };
        rounds.done(reconciled, Duration::from_millis(1500), DateTime::UNIX_EPOCH);
        rounds
    }

    #[test]
    fn nothing_is_known_before_the_first_round() {
        let mut rounds = Rounds::default();
        rounds.failed();
        let text = text(&rounds);
        assert!(text.contains("bowline_reconcile_rounds_total{outcome=\"failed\"} 1\n"), "{text}");
        assert!(!text.contains("differences"), "{text}");
    }

    #[test]
    fn every_kind_has_a_line_once_a_round_is_done() {
        let text = text(&after_a_round());
        for line in [
            "# TYPE bowline_reconcile_differences gauge",
            "bowline_reconcile_differences{kind=\"payment\"} 2",
            "bowline_reconcile_differences{kind=\"stray_charge\"} 0",
            "bowline_reconcile_orders_compared 7",
            "bowline_reconcile_orders_open 2",
            "bowline_reconcile_orders_unsettled 1",
            "bowline_reconcile_last_round_timestamp_seconds 0",
            "bowline_reconcile_last_round_duration_seconds 1.5",
            "bowline_reconcile_rounds_total{outcome=\"done\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_page_of_metrics_lists_them_all() {
        assert_eq!(exported(&text(&after_a_round())), documented("## `bowline reconcile`"));
    }
}
