//! What it costs to trace one message in a hundred: a consumer that answers every message works off a backlog with and
//! without sampled ones, by turns, on the real servers of the tests. The collector is in this process, so that what it
//! costs to take the spans counts as well.
//!
//! `cargo bench -p bowline-messaging --bench traces`
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement that tells people what it has seen"
)]

mod backlog;

use std::time::Duration;

use bowline_config::parse_from;
use bowline_test_support::Collector;
use bowline_traces::{TraceArgs, Traces};
use clap::Parser;

use crate::backlog::{Backlog, compare};

#[derive(Parser)]
struct Options {
    #[command(flatten)]
    traces: TraceArgs,
}

#[tokio::main]
async fn main() {
    let collector = Collector::start().await;
    let arguments = ["bench", "--otel-exporter-otlp-endpoint", &collector.endpoint()];
    let settings = parse_from(arguments, |options: Options, faults| options.traces.check(faults)).unwrap();
    let traces = Traces::start("bench", "bench", &settings).unwrap();
    let unsampled = Backlog { answered: true, ..Backlog::default() };
    let sampled = Backlog { sampled_of: 100, ..unsampled };
    compare(["unsampled", "1 % sampled"], [unsampled, sampled]).await;
    traces.finish(Duration::from_secs(10)).await;
    println!("{} spans were collected", collector.count());
}
