//! What must stay secret is planted wherever callers, operators and other services can put it, and then looked for
//! wherever somebody else can read. The table of SECURITY.md says the same as [`BY_CONTRACT`].

mod plants;
mod search;
mod sources;

use std::os::unix::fs::PermissionsExt as _;

use bowline_dev_stack::databases::SERVICES;
use bowline_test_support::eventually;
use serde_json::Value;

use self::plants::{Plants, Traffic};
use self::search::{Sightings, Source, sightings};
use crate::bench::{Bench, PATIENCE, plan};

/// Everything of ours, and as much of the libraries as anybody looks at.
const LEVELS: &str = "debug,bowline=trace";

/// What may be read where, and must be: whoever is meant to have it finds it there. Nothing else may be seen anywhere.
const BY_CONTRACT: [(&str, &str); 14] = [
    // Payment needs it, and learns of the order from inventory.
    ("payment token", "payload of OrderPlaced on orders.events.v1"),
    ("payment token", "payload of StockReserved on inventory.events.v1"),
    // Read models list the orders of a customer.
    ("customer", "payload of OrderPlaced on orders.events.v1"),
    ("customer", "bowline order get"),
    ("customer", "bowline order list"),
    // Who has sent an id that is none reads what he has sent.
    ("refused text", "answer to CancelOrder"),
    ("refused text", "answer to GetOrder"),
    ("refused text", "answer to GetOrderHistory"),
    ("refused text", "answer to GetPayment"),
    ("refused text", "answer to PlaceOrder"),
    // This test has put it there.
    ("text in a wrong field", "payload of OrderConfirmed on orders.events.v1"),
    ("password in an address", "command line of payment-2"),
    // Private files.
    ("password of a database", "stack.json"),
    ("password of a database", "secrets.json"),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_and_nothing_personal_is_in_logs_topics_or_metrics() {
    for format in ["json", "human"] {
        let plants = Plants::new();
        let bench = start(&plants, format).await;
        let traffic = Traffic::run(&bench, &plants).await;
        let mut sources = traffic.answers;
        sources.extend(tools(&bench, &traffic.order_id));
        sources.extend(sources::metrics(&bench).await);
        sources.extend(sources::command_lines(&bench));
        sources.extend(private_files(&bench));
        all_is_published(&bench).await;
        let kafka = bench.fleet.ground.kafka.clone();
        sources.extend(tokio::task::block_in_place(|| sources::records(&kafka)));
        // What is said at the end belongs to the logs as well.
        for service in SERVICES {
            bench.stack.supervisor().stop(service).await.expect("it stops");
        }
        let logs = sources::logs(&bench);
        assert_tell_what_happened(&logs, format, &traffic.parked_order_id, &traffic.trace_id);
        sources.extend(logs);
        let allowed: Sightings =
            BY_CONTRACT.iter().map(|(value, place)| ((*value).to_owned(), (*place).to_owned())).collect();
        let seen = sightings(&plants.all(&bench), &sources);
        let leaked: Vec<_> = seen.difference(&allowed).collect();
        assert!(leaked.is_empty(), "{format}: readable where it must not be: {leaked:#?}");
        let unseen: Vec<_> = allowed.difference(&seen).collect();
        assert!(unseen.is_empty(), "{format}: not found, so nothing was proved: {unseen:#?}");
        bench.stop().await;
    }
}

/// A stack whose services talk as much as they can. One payment has a password in the address of its provider.
async fn start(plants: &Plants, format: &str) -> Bench {
    let properties = format!("sasl.username=bowline,sasl.password={}", plants.kafka_password.needle());
    let env =
        [("RUST_LOG", LEVELS), ("BOWLINE_LOG_FORMAT", format), ("BOWLINE_KAFKA_PROPERTIES", &properties)];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut bench = Bench::start_with(&[], env.into()).await;
    let provider = bench.fleet.ground.places.provider().to_owned();
    let with_password = format!("bowline:{}@{provider}", plants.address_password.needle());
    let detour = (("payment-2".to_owned(), provider), with_password);
    bench.fleet.ground.changes.detours.extend([detour]);
    bench.fleet.start_replica(&bench.stack, "payment", 2).await.expect("it starts");
    let mut plan = plan(50);
    plan.stock.iter_mut().for_each(|stock| stock.units += 1_000);
    bench.load(&plan).await;
    bench
}

/// What the command-line tool shows to whoever may use it.
fn tools(bench: &Bench, order_id: &str) -> Vec<Source> {
    let shown = [
        &["order", "get", order_id][..],
        &["order", "history", order_id],
        &["order", "list"],
        &["payment", "show", order_id],
        &["dead-letters", "list", "--messages"],
        &["check"],
        &["lanes", "show"],
    ];
    let mut sources = Vec::new();
    for arguments in shown {
        let name: Vec<&str> = arguments.iter().copied().take(2).collect();
        let name = format!("bowline {}", name.join(" "));
        let (_, told) = bench.tool(arguments).told();
        sources.push(Source::new(&*name, told));
        let (_, told) = bench.tool(&[arguments, &["--output", "json"]].concat()).told();
        sources.push(Source::new(&*name, told));
    }
    sources
}

/// The files with passwords, which nobody but their owner can read.
fn private_files(bench: &Bench) -> Vec<Source> {
    let read = |name: &str| {
        let path = bench.folder().join("up").join(name);
        let mode = path.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} is readable by others");
        Source::new(name, std::fs::read(&path).expect("it can be read"))
    };
    ["stack.json", "secrets.json"].map(read).into()
}

/// Waits until the topics hold everything that was committed.
async fn all_is_published(bench: &Bench) {
    const UNPUBLISHED: &str = "SELECT sum(next_sequence - 1 - sequence)::int8
        FROM messaging.lane_heads JOIN messaging.published USING (lane)";
    for service in ["orders", "inventory", "payment"] {
        eventually("everything is published", PATIENCE, async || {
            (bench.count(service, UNPUBLISHED).await == 0).then_some(())
        })
        .await;
    }
}

/// The logs are worth looking at: they say which order could not be helped and belong to their calls.
fn assert_tell_what_happened(logs: &[Source], format: &str, parked_order_id: &str, trace_id: &str) {
    let text = |name: &str| {
        let source = logs.iter().find(|source| source.name == format!("log of {name}"));
        source.expect("it has a log").content.clone()
    };
    for service in SERVICES {
        let log = text(service);
        assert!(log.contains("DEBUG"), "{service} says what it does: {log}");
        for line in log.lines() {
            let is_json = serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object());
            assert_eq!(is_json, format == "json", "{line}");
        }
    }
    let inventory = text("inventory");
    let parked = inventory.lines().find(|line| line.contains("it is parked"));
    let parked = parked.expect("inventory has said that it cannot apply a message");
    assert!(parked.contains("order_id") && parked.contains(parked_order_id), "{parked}");
    let orders = text("orders");
    assert!(orders.lines().any(|line| line.contains(trace_id)), "the call of {trace_id} has left no line");
    let refused = text("payment-2");
    assert!(refused.contains("cannot be reached"), "payment-2 has not been without its provider: {refused}");
}
