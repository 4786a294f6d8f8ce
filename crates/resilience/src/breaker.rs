use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::BreakerSettings;
use crate::window::Window;

/// A circuit breaker for one dependency. Clones share it.
#[derive(Clone)]
pub struct Breaker {
    shared: Arc<Shared>,
}

/// Whether calls go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// All calls go through.
    Closed,
    /// No call goes through until the open time has passed.
    Open,
    /// A few probes go through; their outcomes decide.
    HalfOpen,
}

/// Why a call through a breaker gave no value.
#[derive(Debug, thiserror::Error)]
pub enum Broken<E> {
    /// The breaker is open; the call was not made.
    #[error("{dependency} is not called: its circuit breaker is open")]
    Rejected {
        /// The dependency's name.
        dependency: &'static str,
    },
    /// The call was made and failed.
    #[error(transparent)]
    Failed(E),
}

/// How many calls ended how, since the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls that succeeded, and those whose errors do not count.
    pub succeeded: u64,
    /// Calls whose errors count against the dependency.
    pub failed: u64,
    /// Calls that were not made.
    pub rejected: u64,
    /// How often the breaker opened.
    pub opened: u64,
    /// How often it began to probe.
    pub half_opened: u64,
    /// How often it closed after having been open.
    pub closed: u64,
}

struct Shared {
    dependency: &'static str,
    settings: BreakerSettings,
    core: Mutex<Core>,
    state: watch::Sender<State>,
}

struct Core {
    phase: Phase,
    /// Grows with every change of phase: outcomes of calls let through earlier say nothing about the present one.
    generation: u64,
    window: Window,
    counters: Counters,
    /// When it closed after having been open. `None` when it never was, and once what has waited meanwhile is released.
    recovering_since: Option<Instant>,
}

#[derive(Clone, Copy)]
enum Phase {
    Closed,
    Open { until: Instant },
    HalfOpen { in_flight: usize, succeeded: usize },
}

/// The right to make one call. Dropped without an outcome, it gives its place back and counts as nothing.
pub(crate) struct Permit<'a> {
    shared: &'a Shared,
    generation: u64,
    /// When the breaker that gave it had closed, if it may not let everything through yet.
    pub(crate) recovering_since: Option<Instant>,
    settled: bool,
}

impl Breaker {
    /// A closed breaker. `dependency` is its name in logs and errors.
    pub fn new(dependency: &'static str, settings: BreakerSettings) -> Self {
        let core = Core {
            phase: Phase::Closed,
            generation: 0,
            window: Window::new(settings.window_calls),
            counters: Counters::default(),
            recovering_since: None,
        };
        let (state, _) = watch::channel(State::Closed);
        Self { shared: Arc::new(Shared { dependency, settings, core: Mutex::new(core), state }) }
    }

    /// Makes the call unless the breaker is open. Every error counts against the dependency.
    pub async fn call<T, E>(&self, call: impl AsyncFnOnce() -> Result<T, E>) -> Result<T, Broken<E>> {
        self.call_if(|_| true, call).await
    }

    /// Makes the call unless the breaker is open. Errors for which `counts` is false are answers of a dependency that
    /// works ("not found", "refused"): they count as successes.
    pub async fn call_if<T, E>(
        &self,
        counts: impl FnOnce(&E) -> bool,
        call: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<T, Broken<E>> {
        let Some(permit) = self.admit() else {
            return Err(Broken::Rejected { dependency: self.shared.dependency });
        };
        permit.call_if(counts, call).await.map_err(Broken::Failed)
    }

    /// The right to make one call, if one may be made now.
    pub(crate) fn admit(&self) -> Option<Permit<'_>> {
        self.shared.admit()
    }

    /// What has waited since the closing at `since` is released: until it opens again, its permits say no more of it.
    pub(crate) fn recovered(&self, since: Instant) {
        self.shared.core().recovering_since.take_if(|closed_at| *closed_at == since);
    }

    /// As its permits say.
    pub(crate) fn recovering_since(&self) -> Option<Instant> {
        self.shared.core().recovering_since
    }

    /// The dependency's name in logs, errors and metrics.
    pub fn dependency(&self) -> &'static str {
        self.shared.dependency
    }

    /// The present state. An open breaker whose time has passed is still called open until a call probes it.
    pub fn state(&self) -> State {
        *self.shared.state.borrow()
    }

    /// Follows the state from here on.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.shared.state.subscribe()
    }

    /// What has happened since the start.
    pub fn counters(&self) -> Counters {
        self.shared.core().counters
    }
}

impl Shared {
    fn core(&self) -> MutexGuard<'_, Core> {
        // Nothing under the lock can panic half-way through a change, so a poisoned core is still whole.
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self) -> Option<Permit<'_>> {
        let mut core = self.core();
        if let Phase::Open { until } = core.phase
            && Instant::now() >= until
        {
            self.enter(&mut core, Phase::HalfOpen { in_flight: 0, succeeded: 0 });
        }
        let admitted = match &mut core.phase {
            Phase::Closed => true,
            Phase::Open { .. } => false,
            Phase::HalfOpen { in_flight, succeeded } => {
                let free = *in_flight + *succeeded < self.settings.probes;
                *in_flight += usize::from(free);
                free
            }
        };
        if !admitted {
            core.counters.rejected += 1;
            return None;
        }
        let (generation, recovering_since) = (core.generation, core.recovering_since);
        Some(Permit { shared: self, generation, recovering_since, settled: false })
    }

    fn record(&self, generation: u64, failed: bool) {
        let mut core = self.core();
        if failed {
            core.counters.failed += 1;
        } else {
            core.counters.succeeded += 1;
        }
        if core.generation != generation {
            return;
        }
        let next = match &mut core.phase {
            Phase::Closed => {
                core.window.record(failed);
                let rate = core.window.failure_rate(self.settings.calls_min);
                rate.filter(|rate| failed && *rate >= self.settings.failure_rate).map(|_| self.opened())
            }
            Phase::Open { .. } => None,
            Phase::HalfOpen { .. } if failed => Some(self.opened()),
            Phase::HalfOpen { in_flight, succeeded } => {
                *in_flight -= 1;
                *succeeded += 1;
                (*succeeded >= self.settings.probes).then_some(Phase::Closed)
            }
        };
        if let Some(next) = next {
            self.enter(&mut core, next);
        }
    }

    /// A probe that was given up before it had an outcome frees its place for another one.
    fn forget(&self, generation: u64) {
        let mut core = self.core();
        if core.generation == generation
            && let Phase::HalfOpen { in_flight, .. } = &mut core.phase
        {
            *in_flight -= 1;
        }
    }

    fn opened(&self) -> Phase {
        Phase::Open { until: Instant::now() + self.settings.open_time }
    }

    fn enter(&self, core: &mut Core, phase: Phase) {
        core.phase = phase;
        core.generation += 1;
        core.window.clear();
        core.recovering_since = None;
        let dependency = self.dependency;
        let state = match phase {
            Phase::Closed => {
                core.counters.closed += 1;
                core.recovering_since = Some(Instant::now());
                tracing::info!(dependency, "circuit breaker closed");
                State::Closed
            }
            Phase::Open { .. } => {
                core.counters.opened += 1;
                let open_time_ms = self.settings.open_time.as_millis();
                tracing::warn!(dependency, open_time_ms, "circuit breaker opened");
                State::Open
            }
            Phase::HalfOpen { .. } => {
                core.counters.half_opened += 1;
                tracing::info!(dependency, probes = self.settings.probes, "circuit breaker half open");
                State::HalfOpen
            }
        };
        self.state.send_replace(state);
    }
}

impl Permit<'_> {
    /// Makes the call. Errors for which `counts` is true count against the dependency.
    pub(crate) async fn call_if<T, E>(
        self,
        counts: impl FnOnce(&E) -> bool,
        call: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let outcome = call().await;
        self.settle(outcome.as_ref().is_err_and(counts));
        outcome
    }

    fn settle(mut self, failed: bool) {
        self.settled = true;
        self.shared.record(self.generation, failed);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.shared.forget(self.generation);
        }
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("dependency", &self.shared.dependency)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
