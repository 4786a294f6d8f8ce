//! What the trace of an order looks like, from the call of its customer to the last effects.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use bowline_contracts::orders::v1::PlaceOrderRequest;
use bowline_test_support::{Collected, Collector, eventually};
use serde_json::json;
use tonic::Request;

use crate::bench::{Bench, PATIENCE, plan, small_order};

/// What a customer who traces calls with: his own trace, and his span in it.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

const CONFIRMED: &str = include_str!("traces/confirmed.txt");

const COMPENSATED: &str = include_str!("traces/compensated.txt");

/// The spans of one trace.
struct Trace(Vec<Collected>);

impl Trace {
    fn of(collector: &Collector, trace_id: &str) -> Self {
        Self(collector.spans().into_iter().filter(|span| span.trace_id == trace_id).collect())
    }

    fn of_order(collector: &Collector, order_id: &str) -> Self {
        let is_about = |span: &&Collected| {
            span.name == "send OrderPlaced"
                && span.attributes.get("messaging.kafka.message.key").is_some_and(|key| key == order_id)
        };
        let spans = collector.spans();
        let trace = spans.iter().find(is_about).map(|span| span.trace_id.clone());
        Self::of(collector, &trace.unwrap_or_default())
    }

    /// Where it begins: at the only span whose parent nobody has collected.
    fn root(&self) -> &Collected {
        let known: BTreeSet<_> = self.0.iter().map(|span| Some(&span.span_id)).collect();
        let roots: Vec<_> = self.0.iter().filter(|span| !known.contains(&span.parent_id.as_ref())).collect();
        assert_eq!(roots.len(), 1, "one root, and every other span's parent is there: {roots:#?}");
        roots[0]
    }

    /// The spans below each other by cause. Of equal siblings, such as calls that were repeated, one is shown.
    fn shape(&self) -> String {
        let mut shape = String::new();
        self.draw(self.root(), 0, &mut shape);
        shape
    }

    fn draw(&self, span: &Collected, depth: usize, shape: &mut String) {
        let failed = span.failed.as_ref().map(|reason| format!(" (failed: {reason})")).unwrap_or_default();
        let service = &span.resource["service.name"];
        let indent = "  ".repeat(depth);
        writeln!(shape, "{indent}{service}: {}{failed}", span.name).expect("a String takes all text");
        let below = self.0.iter().filter(|child| child.parent_id.as_ref() == Some(&span.span_id));
        let drawn: BTreeSet<String> = below
            .map(|child| {
                let mut shape = String::new();
                self.draw(child, depth + 1, &mut shape);
                shape
            })
            .collect();
        shape.extend(drawn);
    }

    fn has(&self, name: &str, service: &str) -> bool {
        self.0.iter().any(|span| span.name == name && span.resource["service.name"] == service)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_shows_an_order_from_its_call_to_its_last_effects() {
    let collector = Collector::start().await;
    let bench = Bench::traced(&collector).await;
    let plan = plan(20);
    bench.load(&plan).await;

    let mut request = Request::new(small_order(&plan, "tok_visa"));
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    request.metadata_mut().insert("traceparent", traceparent.parse().expect("it is ASCII"));
    bench.orders().place_order(request).await.expect("it is accepted");
    finished("the confirmed order", || Trace::of(&collector, TRACE)).await;

    let declined = an_order_declined_after_trouble(&bench, small_order(&plan, "tok_decline_e2e")).await;
    finished("the compensated order", || Trace::of_order(&collector, &declined)).await;
    // What has ended is exported before the services are gone.
    bench.stop().await;

    let confirmed = Trace::of(&collector, TRACE);
    assert_eq!(confirmed.root().parent_id.as_deref(), Some(CALLER), "the trace is the customer's");
    assert_shape(&confirmed, &whichever_was_last(CONFIRMED));
    let compensated = Trace::of_order(&collector, &declined);
    assert_eq!(compensated.root().parent_id, None);
    assert_shape(&compensated, &[COMPENSATED.to_owned()]);
    for trace in [&confirmed, &compensated] {
        are_linked_with_their_batches(trace, &collector.spans());
        say_what_they_are_about(trace);
    }
}

/// An order for which the provider is asked in vain before it declines.
async fn an_order_declined_after_trouble(bench: &Bench, order: PlaceOrderRequest) -> String {
    let provider = async |is_down: bool| {
        let access = bench.fleet.ground.access().expect("the simulator has an address");
        let address = access.provider.join("/v1/simulation").expect("a path");
        let answer = reqwest::Client::new().patch(address).json(&json!({ "down": is_down })).send().await;
        answer.and_then(reqwest::Response::error_for_status).expect("the simulator is switched");
    };
    provider(true).await;
    let placed = bench.orders().place_order(order).await.expect("it is accepted").into_inner();
    eventually("the provider was asked in vain", PATIENCE, async || {
        let failed = "SELECT count(*) FROM payment.operations WHERE failed_calls > 0";
        (bench.count("payment", failed).await > 0).then_some(())
    })
    .await;
    provider(false).await;
    placed.order.expect("the answer has the order").order_id
}

/// The last message of an order has come to the last service that hears it.
async fn finished(what: &str, trace: impl Fn() -> Trace) {
    eventually(what, PATIENCE, async || trace().has("process OrderFinished", "projection").then_some(()))
        .await;
}

/// An order is finished by the last of two reports, and either may be it.
fn whichever_was_last(shape: &str) -> [String; 2] {
    let lines: Vec<&str> = shape.lines().collect();
    let ends: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].trim() == "FINISHED").collect();
    [ends[0], ends[1]].map(|last| {
        let drawn = lines.iter().enumerate().flat_map(|(index, line)| {
            let depth = line.len() - line.trim_start().len();
            match line.trim() {
                "FINISHED" if index == last => vec![
                    format!("{}orders: send OrderFinished", " ".repeat(depth)),
                    format!("{}projection: process OrderFinished", " ".repeat(depth + 2)),
                ],
                "FINISHED" => Vec::new(),
                _ => vec![(*line).to_owned()],
            }
        });
        drawn.map(|line| line + "\n").collect()
    })
}

fn assert_shape(trace: &Trace, expected: &[String]) {
    let shape = trace.shape();
    assert!(expected.contains(&shape), "the trace is\n{shape}\nand should be\n{}", expected.join("\nor\n"));
}

/// Each message, and the call, was executed in a batch of its service that links to it, in a trace of its own.
fn are_linked_with_their_batches(trace: &Trace, all: &[Collected]) {
    let batches: BTreeMap<_, _> = all
        .iter()
        .filter(|span| span.name == "batch")
        .map(|batch| ((batch.trace_id.clone(), batch.span_id.clone()), batch))
        .collect();
    let place = |span: &Collected| (span.trace_id.clone(), span.span_id.clone());
    let carriers = |span: &Collected| -> BTreeSet<_> {
        let carries = |batch: &&&Collected| batch.links.contains(&place(span));
        batches.values().filter(carries).map(|batch| place(batch)).collect()
    };
    assert!(!carriers(trace.root()).is_empty(), "the call was executed in a batch");
    for span in trace.0.iter().filter(|span| span.kind == "SPAN_KIND_CONSUMER") {
        let carriers = carriers(span);
        assert_eq!(span.links.iter().cloned().collect::<BTreeSet<_>>(), carriers, "{span:#?}");
        let committed = carriers.iter().filter(|carrier| batches[*carrier].failed.is_none()).count();
        assert_eq!(committed, 1, "{span:#?}");
        for carrier in &carriers {
            let batch = batches[carrier];
            assert_eq!(batch.resource["service.name"], span.resource["service.name"]);
            assert_eq!(batch.parent_id, None);
        }
    }
}

fn say_what_they_are_about(trace: &Trace) {
    for span in &trace.0 {
        assert_eq!(span.resource["service.namespace"], "bowline");
        assert_eq!(span.resource["deployment.environment"], "e2e");
        let kind = match span.name.split_once(' ') {
            Some(("send", _)) => "SPAN_KIND_PRODUCER",
            Some(("process", _)) => "SPAN_KIND_CONSUMER",
            Some(("GET" | "POST", _)) => "SPAN_KIND_CLIENT",
            Some(_) => "SPAN_KIND_INTERNAL",
            None => continue,
        };
        assert_eq!(span.kind, kind, "{span:#?}");
        if matches!(kind, "SPAN_KIND_PRODUCER" | "SPAN_KIND_CONSUMER") {
            assert_eq!(span.attributes["messaging.system"], "kafka");
            assert!(span.attributes["messaging.destination.name"].contains(".v1"), "{span:#?}");
        }
        let says = format!("{:?}", span.attributes);
        assert!(!says.contains("tok_") && !says.contains("e2e-customer"), "nothing about people: {says}");
    }
}
