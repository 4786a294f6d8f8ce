use axum::Json;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use bowline_fault_points::Point;
use bowline_metrics::Metrics;
use http::StatusCode;
use serde::Serialize;

use crate::Readiness;
use crate::readiness::{Phase, Report};

#[derive(Serialize)]
struct Body {
    /// All programs of one release have the same.
    version: &'static str,
    status: &'static str,
    checks: Vec<CheckBody>,
}

#[derive(Serialize)]
struct CheckBody {
    name: &'static str,
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// The probes: alive as long as the process answers, ready as [`Readiness`] says, started once it has begun to serve. And
/// the metrics.
pub(crate) fn routes(readiness: Readiness, metrics: Metrics) -> Router {
    let faults = if bowline_fault_points::ARMED {
        Router::new().route("/fault-points/{point}", post(arm))
    } else {
        Router::new()
    };
    faults
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/startupz", get(started))
        .with_state(readiness)
        .merge(Router::new().route("/metrics", get(numbers)).with_state(metrics))
}

async fn numbers(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(CONTENT_TYPE, bowline_metrics::CONTENT_TYPE)], metrics.text())
}

/// The process dies the next time it comes to this place. Only in builds for proving.
async fn arm(Path(point): Path<String>) -> (StatusCode, String) {
    match point.parse::<Point>() {
        Ok(point) if bowline_fault_points::arm(point) => (StatusCode::NO_CONTENT, String::new()),
        Ok(_) => (StatusCode::NOT_FOUND, String::new()),
        Err(unknown) => (StatusCode::NOT_FOUND, unknown.to_string()),
    }
}

async fn live(State(readiness): State<Readiness>) -> (StatusCode, Json<Body>) {
    answer(readiness.report(), |_| true)
}

async fn ready(State(readiness): State<Readiness>) -> (StatusCode, Json<Body>) {
    answer(readiness.report(), Report::is_ready)
}

async fn started(State(readiness): State<Readiness>) -> (StatusCode, Json<Body>) {
    answer(readiness.report(), |report| report.phase != Phase::Starting)
}

fn answer(report: Report, holds: impl FnOnce(&Report) -> bool) -> (StatusCode, Json<Body>) {
    let code = if holds(&report) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let status = match report.phase {
        Phase::Starting => "starting",
        Phase::Serving if report.is_ready() => "ready",
        Phase::Serving => "not ready",
        Phase::Draining => "draining",
    };
    let checks = report.checks.into_iter();
    let checks = checks.map(|(name, reason)| CheckBody { name, ready: reason.is_none(), reason });
    (code, Json(Body { version: env!("CARGO_PKG_VERSION"), status, checks: checks.collect() }))
}
