//! Breaker, retries and time-outs as their callers see them, on a paused clock.

use std::cell::Cell;
use std::future::{pending, ready};
use std::time::Duration;

use bowline_config::{Refused, parse_from};
use bowline_resilience::{
    Breaker, BreakerOptions, BreakerSettings, Broken, Elapsed, Retry, RetryOptions, RetrySettings, State,
    within,
};
use tokio::time::{Instant, advance};

const SETTINGS: BreakerSettings = BreakerSettings {
    failure_rate: 0.5,
    window_calls: 10,
    calls_min: 4,
    open_time: Duration::from_secs(2),
    probes: 2,
};

async fn succeed(breaker: &Breaker) {
    breaker.call(|| ready(Ok::<_, ()>(()))).await.expect("goes through");
}

async fn fail(breaker: &Breaker) {
    let outcome = breaker.call(|| ready(Err::<(), _>("down"))).await;
    assert!(matches!(outcome, Err(Broken::Failed("down"))), "{outcome:?}");
}

async fn rejected(breaker: &Breaker) -> bool {
    let outcome = breaker.call(|| async { panic!("not called") as Result<(), ()> }).await;
    matches!(outcome, Err(Broken::Rejected { dependency: "catalogue" }))
}

async fn opened() -> Breaker {
    let breaker = Breaker::new("catalogue", SETTINGS);
    for _ in 0..SETTINGS.calls_min {
        fail(&breaker).await;
    }
    assert_eq!(breaker.state(), State::Open);
    breaker
}

#[tokio::test(start_paused = true)]
async fn opens_at_the_failure_rate_but_not_below_the_least_calls() {
    let breaker = Breaker::new("catalogue", SETTINGS);
    fail(&breaker).await;
    fail(&breaker).await;
    succeed(&breaker).await;
    assert_eq!(breaker.state(), State::Closed);
    succeed(&breaker).await;
    assert_eq!(breaker.state(), State::Closed, "a success never opens it");
    fail(&breaker).await;
    assert_eq!(breaker.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_rejects_without_calling() {
    let breaker = opened().await;
    assert!(rejected(&breaker).await);
    advance(Duration::from_millis(1_999)).await;
    assert!(rejected(&breaker).await);
    let counters = breaker.counters();
    assert_eq!((counters.failed, counters.rejected, counters.opened), (4, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn errors_that_do_not_count_keep_it_closed() {
    let breaker = Breaker::new("catalogue", SETTINGS);
    for _ in 0..20 {
        let outcome =
            breaker.call_if(|error| *error != "not found", || ready(Err::<(), _>("not found"))).await;
        assert!(matches!(outcome, Err(Broken::Failed("not found"))));
    }
    assert_eq!(breaker.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn probes_that_succeed_close_it() {
    let breaker = opened().await;
    let mut states = breaker.watch();
    advance(SETTINGS.open_time).await;
    succeed(&breaker).await;
    assert_eq!(breaker.state(), State::HalfOpen);
    assert_eq!(*states.borrow_and_update(), State::HalfOpen);
    succeed(&breaker).await;
    assert_eq!(breaker.state(), State::Closed);
    assert!(states.has_changed().expect("the breaker lives"));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_fails_opens_it_again() {
    let breaker = opened().await;
    advance(SETTINGS.open_time).await;
    succeed(&breaker).await;
    fail(&breaker).await;
    assert_eq!(breaker.state(), State::Open);
    assert!(rejected(&breaker).await);
    assert_eq!(breaker.counters().opened, 2);
}

#[tokio::test(start_paused = true)]
async fn half_open_lets_only_the_probes_through_and_dropped_ones_give_their_place_back() {
    let breaker = opened().await;
    advance(SETTINGS.open_time).await;
    let hang = || breaker.call(pending::<Result<(), ()>>);
    {
        let (mut first, mut second) = (Box::pin(hang()), Box::pin(hang()));
        assert!(
            futures_poll(&mut first).await && futures_poll(&mut second).await,
            "both probes are under way"
        );
        assert!(rejected(&breaker).await, "a third has no place");
    }
    succeed(&breaker).await;
    succeed(&breaker).await;
    assert_eq!(breaker.state(), State::Closed);
}

/// Polls once; true if the future is still waiting.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn a_call_from_before_it_opened_decides_nothing_afterwards() {
    let breaker = Breaker::new("catalogue", SETTINGS);
    let (answer, waiting) = tokio::sync::oneshot::channel::<()>();
    let mut late = Box::pin(breaker.call(|| async { waiting.await.map_err(|_| "late") }));
    assert!(futures_poll(&mut late).await);
    for _ in 0..SETTINGS.calls_min {
        fail(&breaker).await;
    }
    advance(SETTINGS.open_time).await;
    succeed(&breaker).await;
    drop(answer);
    assert!(matches!(late.await, Err(Broken::Failed("late"))));
    assert_eq!(breaker.state(), State::HalfOpen, "the late failure is not a probe's");
}

#[tokio::test(start_paused = true)]
async fn retries_end_with_the_attempts() {
    let settings = RetrySettings { attempts_max: Some(3), ..RetrySettings::default() };
    let (calls, notes) = (Cell::new(0), Cell::new(0));
    let outcome = Retry::new(settings)
        .run(
            || {
                calls.set(calls.get() + 1);
                ready(Err::<(), _>("down"))
            },
            |_| true,
            |_, _| notes.set(notes.get() + 1),
        )
        .await;
    assert_eq!((outcome, calls.get(), notes.get()), (Err("down"), 3, 2));
}

#[tokio::test(start_paused = true)]
async fn retries_stop_at_an_error_that_repeating_does_not_mend() {
    let calls = Cell::new(0);
    let outcome = Retry::new(RetrySettings::default())
        .endless()
        .run(
            || {
                calls.set(calls.get() + 1);
                ready(if calls.get() < 40 { Err("down") } else { Err::<(), _>("refused") })
            },
            |error| *error == "down",
            |_, _| {},
        )
        .await;
    assert_eq!((outcome, calls.get()), (Err("refused"), 40));
}

#[test]
fn waits_grow_up_to_their_bound() {
    let settings = RetrySettings::default();
    let waits: Vec<_> = Retry::new(settings).endless().waits().take(20).collect();
    assert!(waits[0] >= settings.backoff_min && waits[0] <= settings.backoff_min * 2, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= settings.backoff_max * 2), "{waits:?}");
    assert!(waits[19] >= settings.backoff_max, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_past_its_time_is_dropped_and_named() {
    let limit = Duration::from_millis(300);
    let before = Instant::now();
    let elapsed = within("the catalogue", limit, pending::<()>()).await.expect_err("never ends");
    assert_eq!((elapsed, before.elapsed()), (Elapsed { what: "the catalogue", limit }, limit));
    assert_eq!(elapsed.to_string(), "the catalogue did not end within 300 ms");
    assert_eq!(within("the catalogue", limit, ready(7)).await, Ok(7));
}

#[derive(clap::Parser)]
struct Options {
    #[command(flatten)]
    breaker: BreakerOptions,
    #[command(flatten)]
    retry: RetryOptions,
}

#[test]
fn the_defaults_of_the_options_are_those_of_the_settings() {
    let settings = parse_from(["test"], |options: Options, faults| {
        let breaker = options.breaker.check(faults);
        let retry = options.retry.check(faults);
        Some((breaker?, retry?))
    });
    assert_eq!(settings.expect("the defaults hold"), (BreakerSettings::default(), RetrySettings::default()));
}

#[test]
fn options_that_contradict_each_other_are_faults() {
    let arguments =
        ["test", "--breaker-calls-min", "60", "--retry-backoff-min", "1m", "--breaker-failure-rate", "0"];
    let refused = parse_from(arguments, |options: Options, faults| {
        let breaker = options.breaker.check(faults);
        let retry = options.retry.check(faults);
        Some((breaker?, retry?))
    });
    match refused {
        Err(Refused::Faults(faults)) => assert_eq!(faults.list().len(), 3, "{faults}"),
        other => panic!("expected faults, got {other:?}"),
    }
}
