//! Options of the projection service.

use std::time::Duration;

use bowline_config::{Faults, Given};
use bowline_service::{ReplicaOptions, ReplicaSettings};

/// The Bowline projection service: order views, lists and timelines, derived from the events of the other services.
///
/// Every option can be given as a flag or as an environment variable. All faults are named at once.
#[derive(Debug, clap::Parser)]
#[command(name = "bowline-projection", version)]
pub struct Options {
    #[command(flatten)]
    replica: ReplicaOptions,
    /// The most callers that watch an order at the same time; the next one is refused.
    #[arg(long, env = "BOWLINE_WATCHERS_MAX", default_value = "4096", help_heading = "Limits")]
    watchers_max: Given<usize>,
    /// How often watched orders are looked at for what other replicas have committed.
    #[arg(long, env = "BOWLINE_WATCH_POLL", default_value = "500ms", help_heading = "Limits")]
    watch_poll: Given<Duration>,
}

/// Checked [`Options`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// What every service has whose work runs on lanes.
    pub replica: ReplicaSettings,
    /// Limits of watching.
    pub watching: WatchSettings,
}

/// Limits of watching orders.
#[derive(Debug, Clone, Copy)]
pub struct WatchSettings {
    /// The most callers at the same time.
    pub watchers_max: usize,
    /// How often watched orders are looked at for what other replicas have committed.
    pub poll: Duration,
}

impl Options {
    /// Takes the values out, collecting every fault.
    pub fn check(self, faults: &mut Faults) -> Option<Settings> {
        let replica = self.replica.check(faults);
        let watchers_max = faults.within("watchers-max", self.watchers_max, 1..=100_000);
        let poll = faults
            .take_if("watch-poll", self.watch_poll, "a time of at least 10ms", |poll| *poll >= POLL_MIN);
        Some(Settings {
            replica: replica?,
            watching: WatchSettings { watchers_max: watchers_max?, poll: poll? },
        })
    }
}

const POLL_MIN: Duration = Duration::from_millis(10);
