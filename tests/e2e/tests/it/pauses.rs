//! Replicas that hang beyond their leases and wake up among others that have taken over.

use std::time::Duration;

use bowline_contracts::topics::PARTITIONS;
use bowline_dev_stack::databases::SERVICES;
use bowline_load::generator::Progress;
use bowline_test_support::eventually;

use crate::bench::{Bench, PATIENCE, in_flight, plan, sagas_in_flight, until};
use crate::replicas::shared;

/// The services' default.
const LEASE_TTL: Duration = Duration::from_secs(2);
/// More rounds through the plan than there will be, for the stock.
const ROUNDS_MAX: i64 = 1_000;

/// Partitions of a service by who holds them now: the process at `address`, or another one.
async fn held(bench: &Bench, service: &str, address: &str) -> (i64, i64) {
    let held = "SELECT count(*) FILTER (WHERE address = $1), count(*) FILTER (WHERE address <> $1)
                  FROM messaging.leases WHERE holder IS NOT NULL AND expires_at > clock_timestamp()";
    bench.pair(service, held, address).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_of_every_service_hangs_for_twice_its_lease_and_does_no_harm() {
    let bench = Bench::recording(&["--latency=100ms"]).await;
    let mut second_orders = String::new();
    for service in SERVICES {
        let second = bench.fleet.start_replica(&bench.stack, service, 2).await.expect("it starts");
        if service == "orders" {
            second_orders = second.grpc_url;
        }
        shared(&bench, service).await;
    }
    let mut plan = plan(500);
    plan.stock.iter_mut().for_each(|stock| stock.units *= ROUNDS_MAX);
    bench.load(&plan).await;
    let progress = Progress::default();
    let supervisor = bench.stack.supervisor();
    let pausing = async {
        for service in SERVICES {
            let done = progress.snapshot().done();
            until("sagas are in flight and get on", &progress, |now| {
                sagas_in_flight(now) >= 20 && now.done() >= done + 100
            })
            .await;
            let address = bench.fleet.ground.places.grpc_address(service);
            let (its, others) = held(&bench, service, address).await;
            assert!(its > 0 && others > 0, "both work: {its} and {others} in {service}");

            let pid = supervisor.pause(service).expect("it is known").expect("it runs");
            // The fault itself, and no wait for anything: it hangs for so long.
            tokio::time::sleep(LEASE_TTL * 2).await;
            let all = (0, i64::from(PARTITIONS));
            let taken_over = async || (held(&bench, service, address).await == all).then_some(());
            eventually("the other one holds all that it held", PATIENCE, taken_over).await;
            assert_eq!(supervisor.go_on(service).expect("it is known"), Some(pid), "it has lived through it");
            shared(&bench, service).await;
        }
    };
    let urls = [bench.url("orders"), second_orders];
    let replay = bench.replay_until(urls, &plan, in_flight(100), &progress, pausing);
    let outcome = Box::pin(replay).await;
    bench.settle(&plan, &outcome, 0).await;
    for (process, restarts) in bench.stack.restarts() {
        assert_eq!(restarts, 0, "{process} has only hung");
    }
    bench.stop().await;
}
