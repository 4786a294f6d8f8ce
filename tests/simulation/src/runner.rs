//! Runs of seeds, one after the other or on several threads.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};

use crate::settings::Settings;
use crate::stage::Stage;
use crate::trace::Trace;
use crate::world::World;

/// A run whose steps do not come to an end by themselves has found a deadlock; a busy machine takes a few seconds.
const PATIENCE: Duration = Duration::from_mins(2);

/// How many of the last steps a report shows.
const REPORTED_STEPS: usize = 40;

/// What became of a seed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What happened.
    pub trace: Trace,
    /// What does not hold; empty when all is well.
    pub faults: Vec<String>,
}

impl Outcome {
    /// What does not hold, what happened last, and how to see it again.
    pub fn report(&self, settings: &Settings) -> String {
        let lines = self.trace.lines();
        let last = &lines[lines.len().saturating_sub(REPORTED_STEPS)..];
        format!(
            "seed {}:\n  {}\nthe last steps:\n  {}\nrun it again with:\n  cargo run -p bowline-simulation -- --seed {}{}",
            self.seed,
            self.faults.join("\n  "),
            last.join("\n  "),
            self.seed,
            settings.flags(),
        )
    }
}

/// Databases and a runtime of one's own, for runs one after the other.
pub struct Simulation {
    /// Before the runtime that it needs.
    stage: Stage,
    runtime: Runtime,
}

impl Simulation {
    /// Makes the databases, on the PostgreSQL that tests share.
    pub fn set() -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let stage = runtime.block_on(Stage::set())?;
        // From here on time is what the steps say.
        runtime.block_on(async { tokio::time::pause() });
        Ok(Self { stage, runtime })
    }

    /// Runs a seed to its end.
    pub fn run(&mut self, seed: u64, settings: &Settings) -> anyhow::Result<Outcome> {
        let Self { stage, runtime } = self;
        runtime.block_on(async {
            // A paused clock moves on by itself when nobody has anything to do, which is so whenever the database has. A
            // thread that is waited for keeps it from that.
            let (ended, end) = mpsc::channel::<()>();
            let guard = tokio::task::spawn_blocking(move || end.recv_timeout(PATIENCE));
            let mut world = World::new(stage, settings, seed).await.context("the world cannot be made")?;
            let faults = tokio::select! {
                faults = world.run() => faults?,
                _ = guard => vec!["a step does not come to its end".to_owned()],
            };
            drop(ended);
            Ok(Outcome { seed, trace: world.trace.clone(), faults })
        })
    }
}

impl World<'_> {
    async fn run(&mut self) -> anyhow::Result<Vec<String>> {
        for _ in 0..self.settings.steps {
            let step = self.draw();
            self.perform(step).await?;
        }
        let quiet = self.calm_down().await?;
        let mut faults = self.verdict().await?;
        if !quiet {
            faults.insert(0, "it does not come to rest".to_owned());
        }
        Ok(faults)
    }
}

/// Runs seeds on `threads` threads until one fails; returns how many were run, and the first that failed.
pub fn run_all(
    seeds: Range<u64>,
    settings: &Settings,
    threads: usize,
    said: impl Fn(&Outcome) + Sync,
) -> anyhow::Result<(u64, Option<Outcome>)> {
    let (next, run, failed) = (AtomicU64::new(seeds.start), AtomicU64::new(0), AtomicBool::new(false));
    let work = || -> anyhow::Result<Option<Outcome>> {
        let mut simulation = Simulation::set()?;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end || failed.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let outcome = simulation.run(seed, settings).with_context(|| format!("seed {seed}"))?;
            run.fetch_add(1, Ordering::Relaxed);
            said(&outcome);
            if !outcome.faults.is_empty() {
                failed.store(true, Ordering::Relaxed);
                return Ok(Some(outcome));
            }
        }
    };
    let outcomes = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a run panicked")).collect::<Vec<_>>()
    });
    let mut failures = outcomes.into_iter().collect::<anyhow::Result<Vec<_>>>()?.into_iter().flatten();
    Ok((run.load(Ordering::Relaxed), failures.next()))
}
