//! What it costs the whole stack to trace orders: the same orders are replayed with and without, by turns, on one stack with
//! a collector, and the processor time of the whole machine is counted, that of the servers, the generator and the
//! collector included. Wants a machine without other work.
//!
//! One order in five is sampled. What one in a hundred costs is lost in the noise of the machine; it is a twentieth, for
//! the spans of an order are its own, and so are all but those of the batches.
//!
//! `cargo bench -p bowline-e2e --bench traces`
#![expect(
    clippy::cast_precision_loss,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a measurement that tells people what it has seen"
)]

#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/bench.rs"]
mod bench;

use bowline_load::generator::{ConnectionSettings, Connections, Progress};
use bowline_load::plan::Plan;
use bowline_test_support::Collector;

use crate::bench::{Bench, in_flight, plan};

/// Pairs of replays that are compared. One pair says little: the machine's own noise is some per cent.
const PAIRS: u32 = 40;
/// How much of the orders is traced, and how much the result is told for.
const SAMPLED: f64 = 0.2;
const TOLD_FOR: f64 = 0.01;
/// Orders of one replay.
const ORDERS: usize = 4_000;
const IN_FLIGHT: usize = 512;
/// Replays before the first one that counts: the broker's compiler needs them.
const WARM_UP: u32 = 4;

#[tokio::main]
async fn main() {
    let collector = Collector::start().await;
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint()),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio".to_owned()),
        ("OTEL_TRACES_SAMPLER_ARG", SAMPLED.to_string()),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    let bench = Bench::start_with(&[], variables.to_vec()).await;
    let plan = plan(ORDERS);
    for _ in 0..WARM_UP {
        replay(&bench, &plan, false).await;
    }
    let mut costs = Vec::new();
    for pair in 0..PAIRS {
        // What comes second may find a warmer, or a fuller, machine.
        let traced_first = pair % 2 == 1;
        let first = replay(&bench, &plan, traced_first).await;
        let second = replay(&bench, &plan, !traced_first).await;
        let (traced, untraced) = if traced_first { (first, second) } else { (second, first) };
        costs.push(traced / untraced - 1.0);
        println!(
            "{untraced:.0} µs an order without, {traced:.0} with: {:+.1} %",
            costs[costs.len() - 1] * 100.0
        );
    }
    let (mean, error) = mean(&costs);
    for share in [SAMPLED, TOLD_FOR] {
        let per_cent = |cost: f64| cost * share / SAMPLED * 100.0;
        println!(
            "traces of {:.0} % cost {:.2} %, with a standard error of {:.2}",
            share * 100.0,
            per_cent(mean),
            per_cent(error)
        );
    }
    println!("{} spans were collected", collector.count());
    bench.stop().await;
}

/// Replays the orders. Returns the processor time of the machine an order, in µs.
async fn replay(bench: &Bench, plan: &Plan, traced: bool) -> f64 {
    // The stock that the last replay has sold.
    bench.load(plan).await;
    let settings = ConnectionSettings { untraced: !traced, ..ConnectionSettings::default() };
    let orders = Connections::new([bench.url("orders")], settings).expect("the fleet's address is sound");
    let before = busy_microseconds();
    bench.replay_over(&orders, plan, in_flight(IN_FLIGHT), &Progress::default()).await;
    (busy_microseconds() - before) / plan.orders.len() as f64
}

/// The processor time of everything on this machine since its start, from the kernel's table.
fn busy_microseconds() -> f64 {
    let table = std::fs::read_to_string("/proc/stat").expect("Linux has it");
    let total = table.lines().next().expect("the first line is of all processors");
    let ticks: Vec<f64> = total.split_whitespace().skip(1).flat_map(str::parse).collect();
    let [user, nice, system, _idle, _waiting, interrupts, soft_interrupts, ..] = ticks[..] else {
        panic!("{total:?} is no line of processor times");
    };
    // A tick is a hundredth of a second wherever Linux runs.
    (user + nice + system + interrupts + soft_interrupts) * 10_000.0
}

fn mean(of: &[f64]) -> (f64, f64) {
    let count = of.len() as f64;
    let mean = of.iter().sum::<f64>() / count;
    let squares: f64 = of.iter().map(|value| (value - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0) / count).sqrt())
}
