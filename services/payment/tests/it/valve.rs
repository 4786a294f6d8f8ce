//! A provider that comes back while many operations wait for it.

use std::time::Duration;

use bowline_payment_domain::Status;
use bowline_payment_simulator::Switches;
use bowline_resilience::{BreakerSettings, Flow, State, ValveSettings};
use bowline_test_support::eventually;
use tokio::time::Instant;

use crate::neighbours::{new_order, stock_reserved};
use crate::stage::{DEADLINE, Running, Stage};

/// In the first second 20 calls, in the second 40, in the third 80, then all.
const VALVE: ValveSettings =
    ValveSettings { rate_min: 20.0, rate_max: 160.0, growth: 2.0, interval: Duration::from_secs(1) };
const PROBES: usize = 2;

fn down() -> Switches {
    Switches { down: true, ..Switches::default() }
}

/// The most operations that may have been executed so long after the provider could be reached again.
fn allowed(elapsed: Duration) -> usize {
    let seconds = usize::try_from(elapsed.as_secs()).unwrap();
    let (before, rate) = match seconds {
        0 => (0, 20),
        1 => (20, 40),
        2 => (60, 80),
        _ => return usize::MAX,
    };
    let within = usize::try_from(elapsed.subsec_millis()).unwrap() * rate / 1_000;
    // With the first of every step, which does not wait.
    PROBES + before + within + seconds + 1
}

async fn executed(stage: &Stage) -> usize {
    stage.simulator.books().await.unwrap().len()
}

async fn breaker_is(running: &Running, wanted: State) {
    let mut state = running.valve.breaker().watch();
    tokio::time::timeout(DEADLINE, state.wait_for(|state| *state == wanted)).await.unwrap().unwrap();
}

/// Waits until `count` operations more are executed, and sees that it never goes faster than it may.
async fn executed_more(stage: &Stage, back_since: Instant, before: usize, count: usize) {
    eventually("the operations are executed", DEADLINE, async || {
        let more = executed(stage).await - before;
        let elapsed = back_since.elapsed();
        assert!(more <= allowed(elapsed), "{more} after {elapsed:?}");
        (more >= count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_backlog_reaches_a_provider_that_is_back_at_a_growing_rate_and_is_held_again() {
    let stage = Stage::new(down()).await;
    let running = stage
        .running_with(|settings| {
            let open_time = Duration::from_millis(50);
            settings.breaker = BreakerSettings {
                failure_rate: 0.5,
                window_calls: 8,
                calls_min: 4,
                open_time,
                probes: PROBES,
            };
            settings.valve = VALVE;
        })
        .await;
    let mut replica = stage.replica(running.intents.clone()).await;
    let orders: Vec<_> = (0..100).map(|_| new_order()).collect();
    replica.hear(orders.iter().map(|order| stock_reserved(*order, "tok_visa")).collect()).await;
    breaker_is(&running, State::Open).await;

    let back_since = Instant::now();
    stage.simulator.set_switches(Switches::default());
    executed_more(&stage, back_since, 0, 10).await;
    stage.simulator.set_switches(down());
    breaker_is(&running, State::Open).await;
    let before = executed(&stage).await;
    assert!(before < orders.len(), "some are left to be held");

    let back_since = Instant::now();
    stage.simulator.set_switches(Switches::default());
    executed_more(&stage, back_since, before, orders.len() - before).await;
    for order in &orders {
        stage.settled(*order, Status::Authorized).await;
        assert_eq!(stage.only_charge(*order).await, ([1_234, 0, 0], 1));
    }
    eventually("all flows", DEADLINE, async || (running.valve.flow() == Flow::Free).then_some(())).await;
    assert_eq!(running.valve.waiting(), 0);
    running.stop().await;
}
