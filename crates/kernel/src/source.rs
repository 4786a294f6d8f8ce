//! Where time and ids come from. The system's sources for services, controlled ones for tests and simulation.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// Now, in microseconds: what PostgreSQL keeps, so that a time read back equals the time written.
    fn now(&self) -> DateTime<Utc>;
}

/// Mints ids.
pub trait IdSource: Send + Sync + 'static {
    /// A new id, different from every other; ids of one source grow with time (UUID version 7).
    fn next_id(&self) -> Uuid;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        #[expect(clippy::disallowed_methods, reason = "the one home of the machine's time")]
        Utc::now().trunc_subsecs(6)
    }
}

/// UUIDs of version 7 from the machine's time and randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    fn next_id(&self) -> Uuid {
        #[expect(clippy::disallowed_methods, reason = "the one home of random ids")]
        Uuid::now_v7()
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(Mutex<DateTime<Utc>>);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: DateTime<Utc>) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: TimeDelta) {
        *self.0.lock().expect("no holder of this lock panics") += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().expect("no holder of this lock panics")
    }
}

/// Ids that count up from one; the same sequence in every run.
#[derive(Debug, Default)]
pub struct SequentialIds(AtomicU64);

impl IdSource for SequentialIds {
    fn next_id(&self) -> Uuid {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        Uuid::from_u64_pair(0x7000, 0x8000_0000_0000_0000 | number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(DateTime::UNIX_EPOCH);
        assert_eq!(clock.now(), clock.now());
        clock.advance(TimeDelta::seconds(3));
        assert_eq!(clock.now(), DateTime::UNIX_EPOCH + TimeDelta::seconds(3));
    }

    #[test]
    fn ids_grow() {
        let system: Vec<Uuid> = (0..1000).map(|_| SystemIds.next_id()).collect();
        assert!(system.is_sorted_by(|a, b| a < b));
        let sequential = SequentialIds::default();
        assert!(sequential.next_id() < sequential.next_id());
    }
}
