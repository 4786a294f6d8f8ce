//! Services that die in the middle of a replay.

use bowline_dev_stack::databases::SERVICES;
use bowline_load::generator::Progress;

use crate::bench::{Bench, in_flight, plan, sagas_in_flight, until};

/// Sagas in flight at the moment of each kill, at least.
const IN_FLIGHT: u64 = 100;

#[tokio::test(flavor = "multi_thread")]
async fn each_service_is_killed_with_a_hundred_sagas_in_flight() {
    let bench = Bench::recording(&["--latency=300ms"]).await;
    let plan = plan(2_000);
    bench.load(&plan).await;
    let progress = Progress::default();
    let killing = async {
        for service in SERVICES {
            let done = progress.snapshot().done();
            // Sagas have finished since the last kill: it is over, and the next one is a kill of its own.
            let at_kill = until("sagas are in flight and get on", &progress, |now| {
                sagas_in_flight(now) >= IN_FLIGHT && now.done() >= done + 50
            });
            at_kill.await;
            bench.kill(service, &bench.fleet.ground.places.ready_url(service)).await;
        }
        progress.snapshot()
    };
    let (outcome, after_kills) = tokio::join!(bench.replay(&plan, in_flight(256), &progress), killing);
    assert!(after_kills.done() < plan.orders.len() as u64, "the replay was over before the kills were");
    bench.settle(&plan, &outcome, 0).await;
    let restarts = bench.stack.restarts();
    for service in SERVICES {
        assert_eq!(restarts[service], 1, "{service}");
    }
    bench.stop().await;
}
