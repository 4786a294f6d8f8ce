//! Spans on their way to a collector, in a process that samples what its callers sample.

mod settings;

use std::time::Duration;

use bowline_metrics::Metrics;
use bowline_test_support::{Collected, Collector};
use bowline_traces::{Kind, Span, Traces, batch, begin_call, follow};

use crate::settings::parse;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

fn named(name: &'static str) -> impl FnOnce() -> String {
    || name.to_owned()
}

#[tokio::test]
async fn what_follows_from_a_sampled_call_arrives_and_nothing_else() {
    let collector = Collector::start().await;
    let endpoint = collector.endpoint();
    let flags = [
        "--otel-exporter-otlp-endpoint",
        &endpoint,
        "--otel-traces-sampler-arg=0",
        "--otel-service-name=renamed",
        "--otel-resource-attributes=team=a%20b",
    ];
    let traces = Traces::start("orders", "orders-7", &parse(&flags).expect("sound")).expect("it can be made");
    let sampled = format!("00-{TRACE}-{CALLER}-01");
    let unsampled = format!("00-{TRACE}-{CALLER}-00");

    let (call, passed_on) = begin_call(Some(&sampled), named("call"));
    let mut call = call.expect("its caller has decided");
    assert_eq!(passed_on.as_deref(), Some(call.traceparent()), "the handler goes on from here");
    call.set("answer", 42);
    let (asked, none) = (begin_call(Some(&unsampled), named("not")), begin_call(None, named("not")));
    assert!(asked.0.is_none() && asked.1.is_none(), "what the caller has decided stands");
    assert!(none.0.is_none() && none.1.is_none(), "none of a hundred");
    assert!(follow(Some(&unsampled), Kind::Consumer, named("not")).is_none());

    let mut message = follow(Some(call.traceparent()), Kind::Consumer, named("message")).expect("it follows");
    let of_both = [Some(call.traceparent()), Some(&unsampled), None, Some(message.traceparent())];
    let carrier = batch("batch", of_both).expect("two are sampled");
    message.link(&carrier);
    message.note("attempt failed", "conflict");
    message.fail("parked");
    assert!(batch("batch", [None, Some(&*unsampled)]).is_none());
    let [call_id, message_id, carrier_id] = [&call, &message, &carrier].map(span_id);
    drop((message, carrier, call));
    traces.finish(Duration::from_secs(20)).await;

    let spans = collector.spans();
    let one = |name: &str| -> &Collected {
        let mut found = spans.iter().filter(|span| span.name == name);
        let first = found.next().expect("it was exported");
        assert!(found.next().is_none(), "{name} once");
        first
    };
    assert_eq!(spans.len(), 3, "{spans:#?}");
    let (call, message, carrier) = (one("call"), one("message"), one("batch"));
    assert_eq!((call.trace_id.as_str(), call.parent_id.as_deref()), (TRACE, Some(CALLER)));
    assert_eq!((call.kind, call.attributes["answer"].as_str()), ("SPAN_KIND_SERVER", "42"));
    assert_eq!((message.trace_id.as_str(), message.parent_id.as_ref()), (TRACE, Some(&call_id)));
    assert_eq!(
        (message.failed.as_deref(), message.events.as_slice()),
        (Some("parked"), &["attempt failed".to_owned()][..])
    );
    assert_eq!(message.links, [(carrier.trace_id.clone(), carrier_id)]);
    assert_eq!((carrier.parent_id.as_ref(), carrier.trace_id == TRACE), (None, false));
    assert_eq!(carrier.links, [call_id, message_id].map(|span| (TRACE.to_owned(), span)));
    let said = ["service.name", "service.namespace", "service.instance.id", "team"];
    assert_eq!(said.map(|name| call.resource[name].as_str()), ["renamed", "bowline", "orders-7", "a b"]);
    let metrics = Metrics::default();
    metrics.add(traces);
    assert!(
        metrics.text().contains("bowline_trace_spans_total{outcome=\"exported\"} 3\n"),
        "{}",
        metrics.text()
    );
}

fn span_id(span: &Span) -> String {
    span.traceparent()[36..52].to_owned()
}
