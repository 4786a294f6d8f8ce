//! How fast the system recovers from one fault at a time, under load.

use std::time::Duration;

use bowline_faults::{Hands, Kind, Trouble};
use bowline_kernel::error_text;
use bowline_load::generator::Progress;
use serde::Serialize;
use tokio::time::{Instant, MissedTickBehavior};

use super::journal::Journal;
use super::report::in_milliseconds;
use crate::screen::say;

/// The rate is counted in windows of this length.
const WINDOW: Duration = Duration::from_millis(500);
/// The rate before a fault is the mean of so many windows.
const WINDOWS_BEFORE: usize = 12;
/// The rate is back when the mean of so many windows in a row is.
const WINDOWS_BACK: usize = 4;
/// The share of the rate before that counts as recovered.
const RECOVERED_SHARE: f64 = 0.9;
/// How long the rate is watched for.
const WATCH_MAX: Duration = Duration::from_secs(45);
/// Windows that are let go by before a measurement, so that it does not begin in the wake of the last.
const WINDOWS_REST: usize = 6;

const AIM_KILL: Duration = Duration::from_secs(10);
const AIM_POSTGRES: Duration = Duration::from_secs(5);
const AIM_KAFKA: Duration = Duration::from_secs(10);
const AIM_TAKE_OVER: Duration = Duration::from_secs(3);

/// One recovery that was measured.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Measured {
    /// What had happened.
    pub(super) fault: String,
    /// What was waited for.
    pub(super) until: &'static str,
    /// From when.
    pub(super) from: &'static str,
    /// How long it is to take at most, in milliseconds.
    pub(super) aim_ms: u64,
    /// How long it took; `None` when it was not seen.
    pub(super) took_ms: Option<u64>,
    /// Finished sagas a second before.
    pub(super) rate_before: f64,
    /// Finished sagas a second since the fault, in windows of half a second, as far as they were counted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) rates: Vec<f64>,
    /// Why it could not be measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trouble: Option<String>,
}

impl Measured {
    /// How long it took, for people.
    pub(super) fn took(&self) -> String {
        in_milliseconds(self.took_ms)
    }

    /// Whether the aim was met.
    pub(super) fn is_met(&self) -> bool {
        self.took_ms.is_some_and(|took| took <= self.aim_ms)
    }
}

/// Measures, one fault after the other: the death of a process of each service, restarts of PostgreSQL and Kafka as far
/// as these are ours, and how soon the partitions of a dead process are held by others.
pub(super) async fn measure(hands: &Hands<'_>, kinds: &[Kind], progress: &Progress, journal: &Journal) {
    let mut meter = Meter::new(progress);
    let services: Vec<String> = hands.terrain().services().into_iter().map(str::to_owned).collect();
    for service in &services {
        let fault = async { hands.kill(service).await.map(|_| ()) };
        let measured = meter.rate_back(format!("SIGKILL of {service}"), AIM_KILL, From::Fault, fault).await;
        journal.note(|notes| notes.recoveries.push(measured));
    }
    if kinds.contains(&Kind::PostgresRestart) {
        let fault = async { hands.restart_postgres().await.map(|_| ()) };
        let what = "immediate restart of PostgreSQL".to_owned();
        let measured = meter.rate_back(what, AIM_POSTGRES, From::Back, fault).await;
        journal.note(|notes| notes.recoveries.push(measured));
    }
    if kinds.contains(&Kind::KafkaRestart) {
        let fault = async { hands.restart_kafka().await.map(|_| ()) };
        let measured = meter.rate_back("SIGKILL of Kafka".to_owned(), AIM_KAFKA, From::Back, fault).await;
        journal.note(|notes| notes.recoveries.push(measured));
    }
    for service in services.iter().filter(|service| hands.terrain().replicas(service) > 1) {
        let measured = take_over(hands, service, &mut meter).await;
        journal.note(|notes| notes.recoveries.push(measured));
    }
}

/// Kills a process for good, measures until others hold its partitions, and starts it again.
async fn take_over(hands: &Hands<'_>, process: &str, meter: &mut Meter<'_>) -> Measured {
    let rate_before = meter.rate_before().await;
    let taking = async {
        hands.kill_for_good(process).await?;
        let took = hands.taken_over(process).await;
        hands.start_again(process).await?;
        took
    };
    let took = taking.await;
    let trouble = told(process, took.as_ref().err());
    Measured {
        fault: format!("SIGKILL of {process}, which stays down"),
        until: "every partition that it held has another holder",
        from: "the fault",
        aim_ms: milliseconds(AIM_TAKE_OVER),
        took_ms: took.ok().map(milliseconds),
        rate_before,
        rates: Vec::new(),
        trouble,
    }
}

/// From when a recovery counts.
#[derive(Debug, Clone, Copy)]
enum From {
    /// From the fault.
    Fault,
    /// From when what it happened to accepts connections again.
    Back,
}

/// Counts finished sagas in windows.
struct Meter<'p> {
    progress: &'p Progress,
    ticks: tokio::time::Interval,
    /// What was counted last, and when.
    counted: (Instant, u64),
}

impl<'p> Meter<'p> {
    fn new(progress: &'p Progress) -> Self {
        let now = Instant::now();
        let mut ticks = tokio::time::interval_at(now + WINDOW, WINDOW);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { progress, ticks, counted: (now, progress.snapshot().done()) }
    }

    /// Waits for the end of the next window; answers with how many a second finished in it.
    #[expect(clippy::cast_precision_loss, reason = "a count of orders is far below 2^52")]
    async fn window(&mut self) -> f64 {
        self.ticks.tick().await;
        let (now, done) = (Instant::now(), self.progress.snapshot().done());
        let (before, done_before) = std::mem::replace(&mut self.counted, (now, done));
        (done - done_before) as f64 / (now - before).max(WINDOW / 2).as_secs_f64()
    }

    async fn rate_before(&mut self) -> f64 {
        for _ in 0..WINDOWS_REST {
            self.window().await;
        }
        let mut rates = Vec::with_capacity(WINDOWS_BEFORE);
        for _ in 0..WINDOWS_BEFORE {
            rates.push(self.window().await);
        }
        mean(&rates)
    }

    /// Lets something happen and measures until the rate is back.
    async fn rate_back(
        &mut self,
        fault: String,
        aim: Duration,
        from: From,
        happening: impl Future<Output = Result<(), Trouble>>,
    ) -> Measured {
        let rate_before = self.rate_before().await;
        let begun = Instant::now();
        let mut back = None;
        // The windows by their beginning.
        let mut windows: Vec<(Instant, f64)> = Vec::new();
        let mut happening = std::pin::pin!(happening);
        let mut trouble = None;
        let took = loop {
            let beginning = Instant::now();
            let rate = {
                let mut window = std::pin::pin!(self.window());
                loop {
                    tokio::select! {
                        happened = &mut happening, if back.is_none() => {
                            back = Some(Instant::now());
                            trouble = told(&fault, happened.err().as_ref());
                        }
                        rate = &mut window => break rate,
                    }
                }
            };
            windows.push((beginning, rate));
            let origin = match from {
                From::Fault => Some(begun),
                From::Back => back,
            };
            if let Some(took) = origin.and_then(|origin| recovered(&windows, rate_before, origin)) {
                break Some(took);
            }
            if begun.elapsed() > WATCH_MAX {
                break None;
            }
        };
        if back.is_none() {
            trouble = told(&fault, happening.await.err().as_ref());
        }
        Measured {
            fault,
            until: "90 % of the rate before",
            from: match from {
                From::Fault => "the fault",
                From::Back => "its accepting connections",
            },
            aim_ms: milliseconds(aim),
            took_ms: took.map(milliseconds),
            rate_before,
            rates: windows.into_iter().map(|(_, rate)| rate).collect(),
            trouble,
        }
    }
}

/// When the rate came back, counted from `origin`: at the beginning of the first windows since then whose mean is high
/// enough.
fn recovered(windows: &[(Instant, f64)], rate_before: f64, origin: Instant) -> Option<Duration> {
    let since: Vec<_> = windows.iter().filter(|(beginning, _)| *beginning >= origin).collect();
    let back = since.windows(WINDOWS_BACK).find(|run| {
        let rates: Vec<f64> = run.iter().map(|(_, rate)| *rate).collect();
        mean(&rates) >= rate_before * RECOVERED_SHARE
    });
    back.map(|run| run[0].0 - origin)
}

#[expect(clippy::cast_precision_loss, reason = "a handful of windows")]
fn mean(rates: &[f64]) -> f64 {
    rates.iter().sum::<f64>() / rates.len().max(1) as f64
}

/// Tells people and hands back what went wrong.
fn told(what: &str, trouble: Option<&Trouble>) -> Option<String> {
    let text = error_text(trouble?);
    say(&format!("{what}: {text}"));
    Some(text)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_back_when_it_stays_so() {
        let origin = Instant::now();
        let at = |rates: &[f64]| {
            let beginnings = (0..).map(|n| origin + WINDOW * n);
            let windows: Vec<_> = beginnings.zip(rates.iter().copied()).collect();
            recovered(&windows, 100.0, origin)
        };
        assert_eq!(at(&[100.0, 95.0, 90.0, 100.0]), Some(Duration::ZERO), "nothing was felt");
        // One good window amid a dip is not the end of it.
        let dip = [100.0, 10.0, 0.0, 0.0, 100.0, 0.0, 0.0, 90.0, 100.0, 95.0, 100.0];
        assert_eq!(at(&dip), Some(WINDOW * 7));
        assert_eq!(at(&dip[..9]), None, "it is too early to say");
        assert_eq!(at(&[]), None);
    }
}
