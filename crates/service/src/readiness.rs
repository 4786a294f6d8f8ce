use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// Whether this process can take calls, as the sum of named checks. Clones share it.
///
/// It is ready when it has started, every check is ready, and it is not draining.
#[derive(Clone, Debug)]
pub struct Readiness {
    shared: Arc<Shared>,
}

/// One thing that must be in order, such as the connection to a database. Clones share it.
#[derive(Clone, Debug)]
pub struct Check {
    name: &'static str,
    shared: Arc<Shared>,
}

/// Where the process stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Starting,
    Serving,
    Draining,
}

/// What the probes show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) phase: Phase,
    /// Name and, if it is not ready, why.
    pub(crate) checks: Vec<(&'static str, Option<String>)>,
}

#[derive(Debug)]
struct Shared {
    checks: Mutex<Checks>,
    ready: watch::Sender<bool>,
}

#[derive(Debug)]
struct Checks {
    phase: Phase,
    /// Why a check is not ready; `None` if it is.
    obstacles: BTreeMap<&'static str, Option<String>>,
}

impl Readiness {
    pub(crate) fn new() -> Self {
        let checks = Mutex::new(Checks { phase: Phase::Starting, obstacles: BTreeMap::new() });
        Self { shared: Arc::new(Shared { checks, ready: watch::channel(false).0 }) }
    }

    /// Adds a check, which is not ready until it says so. Two checks of one name are one.
    pub fn register(&self, name: &'static str) -> Check {
        self.shared.change(|checks| {
            checks.obstacles.entry(name).or_insert_with(|| Some("starting".into()));
        });
        Check { name, shared: Arc::clone(&self.shared) }
    }

    /// Whether calls can be taken.
    pub fn is_ready(&self) -> bool {
        *self.shared.ready.borrow()
    }

    /// Follows [`Readiness::is_ready`].
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.shared.ready.subscribe()
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.shared.change(|checks| checks.phase = phase);
    }

    pub(crate) fn report(&self) -> Report {
        let checks = self.shared.lock();
        let named = checks.obstacles.iter().map(|(name, obstacle)| (*name, obstacle.clone()));
        Report { phase: checks.phase, checks: named.collect() }
    }
}

impl Report {
    pub(crate) fn is_ready(&self) -> bool {
        self.phase == Phase::Serving && self.checks.iter().all(|(_, obstacle)| obstacle.is_none())
    }
}

impl Check {
    /// All is well.
    pub fn set_ready(&self) {
        let was = self.set(None);
        if was.is_some() {
            tracing::info!(check = self.name, "ready");
        }
    }

    /// Calls cannot be taken because of this. `reason` is shown by the probes: no secrets.
    pub fn set_not_ready(&self, reason: impl Into<String>) {
        let reason = reason.into();
        let was = self.set(Some(reason.clone()));
        if was.as_ref() != Some(&reason) {
            tracing::warn!(check = self.name, reason, "not ready");
        }
    }

    fn set(&self, obstacle: Option<String>) -> Option<String> {
        self.shared.change(|checks| checks.obstacles.insert(self.name, obstacle).flatten())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Checks> {
        // No change can stop half-way, so what a panicking thread left is whole.
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Checks) -> T) -> T {
        let mut checks = self.lock();
        let answer = change(&mut checks);
        let ready = checks.phase == Phase::Serving && checks.obstacles.values().all(Option::is_none);
        self.ready.send_if_modified(|before| std::mem::replace(before, ready) != ready);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_counts_and_so_does_the_phase() {
        let readiness = Readiness::new();
        let (database, kafka) = (readiness.register("database"), readiness.register("kafka"));
        database.set_ready();
        kafka.set_ready();
        assert!(!readiness.is_ready(), "still starting");
        readiness.enter(Phase::Serving);
        assert!(readiness.is_ready());
        kafka.set_not_ready("no broker answers");
        assert!(!readiness.is_ready());
        let report = readiness.report();
        assert_eq!(report.checks, [("database", None), ("kafka", Some("no broker answers".into()))]);
        kafka.set_ready();
        readiness.enter(Phase::Draining);
        assert!(!readiness.is_ready() && !readiness.report().is_ready());
    }
}
