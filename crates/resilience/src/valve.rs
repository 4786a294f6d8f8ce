//! What has waited behind an open breaker is let out at a growing rate.

mod options;
mod release;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use self::release::{Release, Released};
use crate::breaker::Permit;
use crate::{Breaker, State};

pub use self::options::{ValveOptions, ValveSettings};

/// How long a call that an open breaker does not let through waits before it tries again: the breaker learns that its
/// time has passed only from a call that tries.
const BREAKER_PAUSE: Duration = Duration::from_millis(100);

/// How a dependency is called for which stored work waits: so many calls at once, none while its breaker is open, and at
/// a growing rate after the breaker has closed, until all flow freely. When the breaker opens again, the rest is held
/// again, and the next time it closes the rate begins anew. A valve whose breaker never opened holds nothing back.
///
/// Calls go in the order in which they came. Clones share it.
#[derive(Clone)]
pub struct Valve {
    shared: Arc<Shared>,
}

/// How a valve stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Flow {
    /// The breaker is not closed: nothing but its probes goes through.
    Held,
    /// So many calls a second go through.
    Released(f64),
    /// Whatever comes goes through, as far as there are places.
    Free,
}

/// The right to make one call, and its place among the calls in flight. Dropped without a call it counts as nothing.
pub struct Pass<'a> {
    permit: Permit<'a>,
    _place: SemaphorePermit<'a>,
}

struct Shared {
    breaker: Breaker,
    settings: ValveSettings,
    places: Semaphore,
    /// Whoever holds it is the next that a limited rate lets through; the others queue here.
    turn: Semaphore,
    release: Mutex<Option<Release>>,
    waiting: AtomicUsize,
}

impl Valve {
    /// A valve that flows freely until the breaker opens; `concurrency` calls at the most are in flight at the same time.
    pub fn new(breaker: Breaker, concurrency: usize, settings: ValveSettings) -> Self {
        let shared = Shared {
            breaker,
            settings,
            places: Semaphore::new(concurrency),
            turn: Semaphore::new(1),
            release: Mutex::new(None),
            waiting: AtomicUsize::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Waits, for as long as it takes, until one call may be made. Dropped meanwhile it leaves nothing behind.
    pub async fn pass(&self) -> Pass<'_> {
        let shared = &*self.shared;
        let _waiting = Waiting::new(&shared.waiting);
        let place = shared.places.acquire().await.expect("the semaphore is never closed");
        let mut turn = None;
        loop {
            let Some(permit) = shared.breaker.admit() else {
                turn = None;
                shared.closed_or_a_while().await;
                continue;
            };
            let Some(since) = permit.recovering_since else { return Pass { permit, _place: place } };
            if turn.is_none() {
                // Given back meanwhile: much may happen until it is our turn.
                drop(permit);
                turn = Some(shared.turn.acquire().await.expect("the semaphore is never closed"));
                continue;
            }
            match shared.release(since) {
                Released::Now => return Pass { permit, _place: place },
                Released::All => {
                    shared.breaker.recovered(since);
                    return Pass { permit, _place: place };
                }
                Released::After(wait) => {
                    drop(permit);
                    shared.opened_or(wait).await;
                }
            }
        }
    }

    /// The breaker that it stands behind.
    pub fn breaker(&self) -> &Breaker {
        &self.shared.breaker
    }

    /// How many callers wait for their call, whatever for: a place, the breaker, or the rate.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// What it lets through now.
    pub fn flow(&self) -> Flow {
        if self.breaker().state() != State::Closed {
            return Flow::Held;
        }
        match self.breaker().recovering_since().map(|since| self.shared.settings.rate_after(since.elapsed()))
        {
            Some(Some(rate)) => Flow::Released(rate),
            Some(None) | None => Flow::Free,
        }
    }
}

impl Pass<'_> {
    /// Makes the call. Errors for which `counts` is false are answers of a dependency that works.
    pub async fn call_if<T, E>(
        self,
        counts: impl FnOnce(&E) -> bool,
        call: impl AsyncFnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let Self { permit, _place } = self;
        permit.call_if(counts, call).await
    }
}

impl Shared {
    /// Whether a call may be made, of those that have waited for the closing at `since`.
    fn release(&self, since: Instant) -> Released {
        // Nothing under the lock can panic half-way through a change.
        let mut release = self.release.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = release.take().filter(|release| release.belongs_to(since));
        release.insert(kept.unwrap_or_else(|| Release::new(since))).next(&self.settings)
    }

    async fn closed_or_a_while(&self) {
        let mut state = self.breaker.watch();
        // Too early or not at all is the same here: the next attempt finds out.
        let _ = timeout(BREAKER_PAUSE, state.wait_for(|state| *state == State::Closed)).await;
    }

    async fn opened_or(&self, wait: Duration) {
        let mut state = self.breaker.watch();
        // As above.
        let _ = timeout(wait, state.wait_for(|state| *state != State::Closed)).await;
    }
}

/// Counts a caller for as long as it waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Valve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Valve")
            .field("breaker", self.breaker())
            .field("flow", &self.flow())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Pass<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pass").finish_non_exhaustive()
    }
}
