//! The last round as metrics, in Prometheus's text format.

use std::fmt::Write as _;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use bowline_prove::{Kind, Reconciled};
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The version of the text format that is written.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What is known of the rounds.
#[derive(Debug, Clone, Default)]
pub(super) struct Metrics {
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

impl Metrics {
    pub(super) fn done(&mut self, reconciled: Reconciled, took: Duration, finished_at: DateTime<Utc>) {
        self.last = Some(Round { reconciled, took, finished_at });
        self.done += 1;
    }

    pub(super) fn failed(&mut self) {
        self.failed += 1;
    }

    fn text(&self) -> String {
        let mut text = Text::default();
        text.head("rounds_total", "counter", "Rounds since the start, by how they ended.");
        text.line("rounds_total{outcome=\"done\"}", self.done);
        text.line("rounds_total{outcome=\"failed\"}", self.failed);
        let Some(Round { reconciled, took, finished_at }) = &self.last else { return text.0 };
        text.head("differences", "gauge", "Differences that the last round has found, by what differs.");
        for kind in Kind::ALL {
            let count = reconciled.differences.iter().filter(|difference| difference.kind == kind).count();
            text.line(&format!("differences{{kind=\"{}\"}}", kind.name()), count);
        }
        let gauges = [
            ("orders_compared", "Orders that the last round has compared.", reconciled.compared),
            ("orders_open", "Orders that were not at rest in the last round.", reconciled.open),
            (
                "orders_unsettled",
                "Orders that differed, but could not be told for sure.",
                reconciled.unsettled,
            ),
        ];
        for (name, help, value) in gauges {
            text.head(name, "gauge", help);
            text.line(name, value);
        }
        text.head("last_round_timestamp_seconds", "gauge", "When the last round was finished.");
        text.line("last_round_timestamp_seconds", finished_at.timestamp());
        text.head("last_round_duration_seconds", "gauge", "How long the last round took.");
        text.line("last_round_duration_seconds", took.as_secs_f64());
        text.0
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# HELP bowline_reconcile_{name} {help}\n# TYPE bowline_reconcile_{name} {kind}")
            .expect("a String takes all text");
    }

    fn line(&mut self, name: &str, value: impl std::fmt::Display) {
        writeln!(self.0, "bowline_reconcile_{name} {value}").expect("a String takes all text");
    }
}

/// Serves until it fails; without a listener it only waits.
pub(super) async fn serve(
    listener: Option<TcpListener>,
    metrics: watch::Receiver<Metrics>,
) -> std::io::Result<()> {
    let Some(listener) = listener else { return std::future::pending().await };
    let router = Router::new().route("/metrics", get(answer)).with_state(metrics);
    axum::serve(listener, router).await
}

async fn answer(State(metrics): State<watch::Receiver<Metrics>>) -> impl IntoResponse {
    let text = metrics.borrow().text();
    ([(CONTENT_TYPE, FORMAT)], text)
}

#[cfg(test)]
mod tests {
    use bowline_prove::Difference;

    use super::*;

    #[test]
    fn every_kind_has_a_line_once_a_round_is_done() {
        let mut metrics = Metrics::default();
        metrics.failed();
        assert!(metrics.text().contains("bowline_reconcile_rounds_total{outcome=\"failed\"} 1\n"));
        assert!(!metrics.text().contains("differences"), "nothing is known before the first round");
        let difference = Difference {
            reference: "o-1".into(),
            kind: Kind::Payment,
            says: String::new(),
            cause: String::new(),
            remedy: String::new(),
        };
        let reconciled = Reconciled { compared: 7, open: 2, unsettled: 1, differences: vec![difference; 2] };
        metrics.done(reconciled, Duration::from_millis(1500), DateTime::UNIX_EPOCH);
        let text = metrics.text();
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
}
