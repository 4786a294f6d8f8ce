//! What a dependency meets that comes back while much waits for it, on a paused clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bowline_config::{Refused, parse_from};
use bowline_resilience::{Breaker, BreakerSettings, Flow, State, Valve, ValveOptions, ValveSettings};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, sleep};

const BREAKER: BreakerSettings = BreakerSettings {
    failure_rate: 0.5,
    window_calls: 10,
    calls_min: 4,
    open_time: Duration::from_secs(2),
    probes: 2,
};
/// 10, 20, 40, 80 calls a second, then all.
const VALVE: ValveSettings =
    ValveSettings { rate_min: 10.0, rate_max: 160.0, growth: 2.0, interval: Duration::from_secs(1) };
const SECOND: Duration = Duration::from_secs(1);

/// A dependency that answers at once, well or not, and what waits for it.
struct Stage {
    valve: Valve,
    healthy: Arc<AtomicBool>,
    calls: mpsc::UnboundedReceiver<Instant>,
    called: mpsc::UnboundedSender<Instant>,
    work: JoinSet<()>,
}

impl Stage {
    fn new(concurrency: usize) -> Self {
        let valve = Valve::new(Breaker::new("provider", BREAKER), concurrency, VALVE);
        let (called, calls) = mpsc::unbounded_channel();
        Self { valve, healthy: Arc::new(AtomicBool::new(true)), calls, called, work: JoinSet::new() }
    }

    fn set_healthy(&self, healthy: bool) {
        self.healthy.store(healthy, Ordering::Relaxed);
    }

    /// So many pieces of work that are repeated until they succeed.
    fn wait_for_it(&mut self, count: usize) {
        for _ in 0..count {
            let (valve, healthy) = (self.valve.clone(), Arc::clone(&self.healthy));
            let called = self.called.clone();
            self.work.spawn(async move {
                loop {
                    let pass = valve.pass().await;
                    let done = pass.call_if(
                        |()| true,
                        || async {
                            called.send(Instant::now()).expect("the test listens");
                            if healthy.load(Ordering::Relaxed) { Ok(()) } else { Err(()) }
                        },
                    );
                    if done.await.is_ok() {
                        return;
                    }
                }
            });
        }
    }

    /// When the dependency was called since it was last asked for.
    fn calls(&mut self) -> Vec<Instant> {
        std::iter::from_fn(|| self.calls.try_recv().ok()).collect()
    }

    /// Everything waits behind the open breaker.
    async fn held(count: usize, concurrency: usize) -> Self {
        let mut stage = Self::new(concurrency);
        stage.set_healthy(false);
        stage.wait_for_it(count);
        sleep(SECOND).await;
        assert_eq!((stage.valve.breaker().state(), stage.valve.flow()), (State::Open, Flow::Held));
        assert_eq!(stage.valve.waiting(), count);
        stage
    }

    /// The dependency is well again; returns when the breaker closed.
    async fn closed(&mut self) -> Instant {
        self.set_healthy(true);
        let mut state = self.valve.breaker().watch();
        state.wait_for(|state| *state == State::Closed).await.expect("the breaker lives");
        self.calls();
        Instant::now()
    }
}

/// How many of the calls lie in each of the first seconds after `since`.
fn by_second(calls: &[Instant], since: Instant, seconds: usize) -> Vec<usize> {
    let mut counts = vec![0; seconds];
    for call in calls {
        let second = usize::try_from(call.duration_since(since).as_secs()).expect("is small");
        counts[second] += 1;
    }
    counts
}

/// Never more than the rate, but for the call that a new rate begins with; and hardly less: timers round up.
fn assert_about(counts: &[usize], expected: &[usize]) {
    let near = |(count, expected): (&usize, &usize)| (*expected * 9 / 10..=*expected + 1).contains(count);
    assert!(counts.len() == expected.len() && counts.iter().zip(expected).all(near), "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_backlog_is_let_out_at_a_growing_rate_until_all_flows() {
    let mut stage = Stage::held(500, 8).await;
    let closed_at = stage.closed().await;
    assert_eq!(stage.valve.flow(), Flow::Released(10.0));
    sleep(SECOND * 4).await;
    assert_about(&by_second(&stage.calls(), closed_at, 5), &[10, 20, 40, 80, 0]);
    assert_eq!(stage.valve.flow(), Flow::Free);
    while stage.work.join_next().await.is_some() {}
    assert_eq!(closed_at.elapsed().as_secs(), 4, "the rest goes at once");
    assert_eq!(stage.valve.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_held_again_and_let_out_anew() {
    let mut stage = Stage::held(500, 8).await;
    stage.closed().await;
    sleep(SECOND * 2 + SECOND / 2).await;
    stage.set_healthy(false);
    sleep(SECOND / 2).await;
    assert_eq!((stage.valve.breaker().state(), stage.valve.flow()), (State::Open, Flow::Held));
    stage.calls();
    sleep(SECOND).await;
    assert_eq!(stage.calls(), [], "nothing is called while it is open");

    let closed_at = stage.closed().await;
    sleep(SECOND * 2).await;
    assert_about(&by_second(&stage.calls(), closed_at, 3), &[10, 20, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_valve_whose_breaker_never_opened_holds_nothing_back() {
    let mut stage = Stage::new(8);
    let start = Instant::now();
    stage.wait_for_it(10_000);
    while stage.work.join_next().await.is_some() {}
    assert_eq!((stage.calls().len(), start.elapsed()), (10_000, Duration::ZERO));
    assert_eq!(stage.valve.flow(), Flow::Free);
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_than_places_are_in_flight() {
    let stage = Stage::new(2);
    let first = stage.valve.pass().await;
    let _second = stage.valve.pass().await;
    let third = stage.valve.clone();
    let mut third = Box::pin(async move { third.pass().await.call_if(|()| true, || async { Ok(()) }).await });
    assert!(is_pending(&mut third).await);
    assert_eq!(stage.valve.waiting(), 1);
    // Given up without a call, it counts as nothing and makes room.
    drop(first);
    assert_eq!(third.await, Ok(()));
}

/// Whether it is still pending although everything else has had its turn.
async fn is_pending(future: &mut (impl Future + Unpin)) -> bool {
    tokio::time::timeout(Duration::from_millis(1), future).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_waiting_leaves_the_others_their_turn() {
    let mut stage = Stage::held(20, 30).await;
    let closed_at = stage.closed().await;
    // In front of some of the others, and for a turn of its own.
    let impatient = tokio::time::timeout(Duration::from_millis(150), async {
        drop(stage.valve.pass().await);
        stage.valve.pass().await
    });
    let _ = impatient.await;
    while stage.work.join_next().await.is_some() {}
    assert!(closed_at.elapsed() < SECOND * 2, "{:?}", closed_at.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_high_rate_comes_about_although_timers_are_coarse() {
    let settings = ValveSettings { rate_min: 5_000.0, rate_max: 10_000.0, ..VALVE };
    let mut stage = Stage::new(64);
    stage.valve = Valve::new(Breaker::new("provider", BREAKER), 64, settings);
    stage.set_healthy(false);
    stage.wait_for_it(20_000);
    sleep(SECOND).await;
    let closed_at = stage.closed().await;
    sleep(Duration::from_millis(999)).await;
    let calls = by_second(&stage.calls(), closed_at, 1)[0];
    assert!((4_900..=5_100).contains(&calls), "{calls}");
}

#[tokio::test(start_paused = true)]
async fn with_nothing_to_let_out_time_alone_opens_it() {
    let stage = Stage::new(1);
    for _ in 0..BREAKER.calls_min {
        let _ = stage.valve.pass().await.call_if(|()| true, || async { Err::<(), _>(()) }).await;
    }
    advance(BREAKER.open_time).await;
    for _ in 0..BREAKER.probes {
        stage.valve.pass().await.call_if(|()| true, || async { Ok(()) }).await.expect("goes through");
    }
    assert_eq!(stage.valve.flow(), Flow::Released(10.0));
    advance(SECOND * 4).await;
    assert_eq!(stage.valve.flow(), Flow::Free);
}

#[derive(clap::Parser, Debug)]
struct Options {
    #[command(flatten)]
    valve: ValveOptions,
}

#[test]
fn options_have_the_defaults_of_the_settings() {
    let settings = parse_from(["test"], |options: Options, faults| options.valve.check(faults));
    assert_eq!(settings.expect("the defaults are good"), ValveSettings::default());
}

#[test]
fn every_fault_is_named() {
    let given = ["--valve-rate-min", "0", "--valve-growth", "1", "--valve-interval", "0s"];
    let faults = faults_of(&given);
    assert_eq!(faults, ["--valve-rate-min", "--valve-growth", "--valve-interval"]);
    assert_eq!(faults_of(&["--valve-rate-min", "20", "--valve-rate-max", "10"]), ["--valve-rate-max"]);
}

fn faults_of(given: &[&str]) -> Vec<String> {
    let arguments = std::iter::once(&"test").chain(given);
    match parse_from(arguments, |options: Options, faults| options.valve.check(faults)) {
        Err(Refused::Faults(faults)) => faults.list().iter().map(|fault| fault.flag.clone()).collect(),
        other => panic!("expected faults, got {other:?}"),
    }
}
