//! How far a replay is, for whoever shows it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that a replay keeps up to date and others may read at any time.
#[derive(Debug, Default)]
pub struct Progress {
    pub(super) sent: AtomicU64,
    pub(super) placed: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) confirmed: AtomicU64,
    pub(super) cancelled: AtomicU64,
    pub(super) resent: AtomicU64,
    last_trouble: Mutex<Option<String>>,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Orders whose PlaceOrder was sent.
    pub sent: u64,
    /// Orders that were accepted.
    pub placed: u64,
    /// Orders that were refused.
    pub rejected: u64,
    /// Orders finished as confirmed.
    pub confirmed: u64,
    /// Orders finished as cancelled.
    pub cancelled: u64,
    /// Calls that were sent again.
    pub resent: u64,
}

impl Snapshot {
    /// Orders about which nothing more will happen.
    pub const fn done(&self) -> u64 {
        self.rejected + self.confirmed + self.cancelled
    }
}

impl Progress {
    /// The counters now; each by itself, not all at the same instant.
    pub fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            sent: read(&self.sent),
            placed: read(&self.placed),
            rejected: read(&self.rejected),
            confirmed: read(&self.confirmed),
            cancelled: read(&self.cancelled),
            resent: read(&self.resent),
        }
    }

    /// The last reason for which a call was sent again.
    pub fn last_trouble(&self) -> Option<String> {
        self.last_trouble.lock().expect("no holder of this lock panics").clone()
    }

    pub(super) fn resending(&self, call: &str, status: &tonic::Status) {
        add_one(&self.resent);
        let trouble = format!("{call}: {:?}: {}", status.code(), status.message());
        *self.last_trouble.lock().expect("no holder of this lock panics") = Some(trouble);
    }
}

pub(super) fn add_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
