//! What an operator is told of a running stack: that all is well, that Kafka or a service is away, and that all is well again.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use bowline_test_support::eventually;
use serde_json::Value;

use crate::bench::{Bench, PATIENCE, plan, small_order};

/// One look, with the exit status that goes with it.
fn look(bench: &Bench) -> Value {
    let ran = bench.tool(&["status", "--output", "json"]);
    let told: Value =
        serde_json::from_str(&ran.printed).unwrap_or_else(|error| panic!("{error}: {}", ran.said));
    let expected = i32::from(told["is_well"] != true);
    assert_eq!(ran.status, Some(expected), "{told:#}");
    told
}

/// Looks until it is as expected.
async fn becomes(bench: &Bench, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(what, PATIENCE, async || Some(look(bench)).filter(|told| is(told))).await
}

fn is_well(told: &Value) -> bool {
    told["is_well"] == true
}

fn problem<'t>(told: &'t Value, short: &str) -> Option<&'t Value> {
    told["problems"].as_array().expect("a list").iter().find(|problem| problem["short"] == short)
}

/// The sum over everything that inventory hears of orders' events.
fn route(told: &Value) -> &Value {
    let routes = told["routes"].as_array().expect("a list");
    let found =
        routes.iter().find(|route| route["topic"] == "orders.events.v1" && route["reader"] == "inventory");
    found.expect("inventory hears orders")
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_until_kafka_or_a_service_is_away_and_again_when_it_is_back() {
    let bench = Bench::start(&[]).await;
    let plan = plan(3);
    bench.load(&plan).await;
    let told = becomes(&bench, "all is well", is_well).await;
    let processes = told["processes"].as_array().expect("a list");
    assert_eq!(processes.len(), 4);
    assert!(
        processes
            .iter()
            .all(|process| process["status"]["partitions"].as_array().is_some_and(|p| p.len() == 8))
    );
    assert_eq!(
        told["lanes"].as_array().map(Vec::len),
        Some(80),
        "every service hears eight lanes of each topic"
    );

    without_kafka(&bench, &small_order(&plan, "tok_visa").clone()).await;
    without_payment(&bench).await;
    while_it_is_watched(&bench);
    bench.stop().await;
}

async fn without_kafka(bench: &Bench, order: &bowline_contracts::orders::v1::PlaceOrderRequest) {
    let kafka = bench.stack.kafka();
    kafka.server().stop().await;
    bench.orders().place_order(order.clone()).await.expect("orders are accepted without Kafka");
    // Orders that wait are counted at every look at the deadlines, which asks Kafka something too.
    let told = becomes(bench, "Kafka's silence is told by all, and what waits", |told| {
        let silent = problem(told, "Kafka gives no answer").and_then(|problem| problem["what"].as_str());
        let all = ["orders", "inventory", "payment", "projection"];
        silent.is_some_and(|what| all.iter().all(|service| what.contains(service)))
            && told["sagas_in_flight"]["stock"] == 1
    })
    .await;
    assert!(
        told["headline"].as_str().is_some_and(|headline| headline.starts_with("Kafka gives no answer")),
        "{told:#}"
    );
    let waits = route(&told);
    assert_eq!(waits["behind"], 1, "it is known without Kafka what is not applied: {told:#}");
    assert!(
        waits["head"].as_i64() > waits["published"].as_i64() && waits["oldest_seconds"].as_f64() > Some(0.0)
    );
    let printed = bench.tool(&["status", "--lanes"]).printed;
    assert!(
        printed.contains("→ start it again") && printed.contains("inventory/orders.events.v1/"),
        "{printed}"
    );

    kafka.start_again().await.expect("it starts with what it has");
    becomes(bench, "all is well without anybody's help, and what waited is applied", |told| {
        is_well(told) && route(told)["behind"] == 0 && told["sagas_in_flight"]["stock"] == 0
    })
    .await;
}

async fn without_payment(bench: &Bench) {
    let supervisor = bench.stack.supervisor();
    supervisor.stop("payment").await.expect("it is known");
    let told = becomes(bench, "payment's silence is told", |told| {
        problem(told, "payment gives no answer").is_some()
    })
    .await;
    let silent =
        told["processes"].as_array().expect("a list").iter().filter(|process| !process["silence"].is_null());
    let silent: Vec<_> = silent.map(|process| process["service"].as_str()).collect();
    assert_eq!(silent, [Some("payment")], "the others are shown all the same");
    let printed = bench.tool(&["status"]).printed;
    assert!(
        printed.contains("no answer: ")
            && printed.contains("→ the stack starts it again when it dies; its log in "),
        "{printed}"
    );
}

/// Payment is still away: that is what it ends with.
fn while_it_is_watched(bench: &Bench) {
    tokio::task::block_in_place(|| {
        let mut command = bench.tool_with(&["status", "--watch", "--interval", "100ms", "--output", "json"]);
        let mut watching = command.stdout(Stdio::piped()).spawn().expect("the tool runs");
        let lines = BufReader::new(watching.stdout.take().expect("it prints")).lines();
        for line in lines.take(3) {
            let told: Value = serde_json::from_str(&line.expect("text")).expect("an object a line");
            assert_eq!(told["headline"], "payment gives no answer");
        }
        let interrupt = Command::new("kill").args(["-INT", &watching.id().to_string()]).status();
        assert!(interrupt.expect("there is a kill").success());
        assert_eq!(watching.wait().expect("it ends").code(), Some(1));
    });
}
