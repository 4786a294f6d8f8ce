//! A collector that is away.

mod settings;

use std::time::Duration;

use bowline_metrics::Metrics;
use bowline_traces::{Traces, begin_call};
use tokio::net::TcpListener;

use crate::settings::parse;

const SPANS: u64 = 200;

#[tokio::test]
async fn what_does_not_fit_or_does_not_arrive_is_counted_and_holds_nobody_up() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.expect("there are free ports");
    let endpoint = format!("http://{}", nobody.local_addr().expect("it is bound"));
    drop(nobody);
    let flags = [
        "--otel-exporter-otlp-endpoint",
        &endpoint,
        "--otel-exporter-otlp-timeout=50",
        "--otel-traces-sampler=always_on",
        "--otel-bsp-max-queue-size=8",
        "--otel-bsp-max-export-batch-size=4",
    ];
    let traces = Traces::start("orders", "orders-7", &parse(&flags).expect("sound")).expect("it can be made");
    for _ in 0..SPANS {
        drop(begin_call(None, || "call".to_owned()));
    }
    traces.finish(Duration::from_secs(20)).await;
    let metrics = Metrics::default();
    metrics.add(traces);
    let text = metrics.text();
    let count = |sample: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(sample)).expect("it is told");
        line.trim().parse().expect("a count")
    };
    let [exported, failed, dropped] = ["exported", "failed", "dropped"]
        .map(|outcome| count(&format!("bowline_trace_spans_total{{outcome=\"{outcome}\"}}")));
    assert_eq!((exported, failed + dropped), (0, SPANS), "{text}");
    assert!(failed > 0 && dropped > 0, "{text}");
    assert_eq!(count("bowline_trace_spans_waiting"), 0);
}
