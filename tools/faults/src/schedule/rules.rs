//! How often, how long, and what must not happen at once.

use std::collections::HashMap;
use std::time::Duration;

use bowline_fault_points::Point;

use crate::kind::Kind;
use crate::target::{ProcessSite, Target, Terrain};

/// How often a kind is drawn in proportion to the others: what stops everything is rare.
pub(super) const fn weight(kind: Kind) -> u64 {
    match kind {
        Kind::PostgresRestart | Kind::KafkaRestart => 1,
        Kind::Cut | Kind::Blackhole => 2,
        Kind::Kill | Kind::Pause | Kind::Delay | Kind::ProviderErrors | Kind::ProviderTimeouts => 4,
        Kind::FaultPoints => 6,
        Kind::Sessions | Kind::Leases => 8,
    }
}

/// The shortest and the longest that a fault lasts.
pub(super) fn length_ms(kind: Kind, lease_ttl: Duration) -> (u64, u64) {
    let ttl = u64::try_from(lease_ttl.as_millis()).unwrap_or(u64::MAX);
    match kind {
        Kind::Kill | Kind::PostgresRestart | Kind::Sessions | Kind::KafkaRestart => (0, 0),
        // Beyond the leases, so that others hold them when it wakes up.
        Kind::Pause => (ttl.saturating_mul(5) / 4, ttl.saturating_mul(5) / 2),
        Kind::Leases => (500, 2_000),
        Kind::Cut | Kind::Blackhole => (300, 3_000),
        Kind::Delay => (1_000, 4_000),
        Kind::ProviderErrors | Kind::ProviderTimeouts => (1_000, 3_000),
        // So long it may take until the work comes to the point.
        Kind::FaultPoints => (3_000, 3_000),
    }
}

/// How long what a fault has happened to may need afterwards.
const fn recovery(kind: Kind) -> Duration {
    match kind {
        Kind::Sessions | Kind::Delay | Kind::ProviderErrors | Kind::ProviderTimeouts => {
            Duration::from_secs(1)
        }
        Kind::Pause | Kind::Leases | Kind::Cut | Kind::Blackhole => Duration::from_secs(3),
        Kind::Kill | Kind::FaultPoints => Duration::from_secs(6),
        // Long enough that work is done between two of them.
        Kind::PostgresRestart | Kind::KafkaRestart => Duration::from_secs(15),
    }
}

/// The points that a process comes to.
fn points(site: &ProcessSite) -> impl Iterator<Item = Target> {
    let comes_to = |point: &Point| match point {
        Point::AfterPublication => site.service != "projection",
        Point::AfterProviderCall => site.service == "payment",
        Point::MidBatch | Point::BeforeCommit | Point::AfterCommit | Point::AfterEffect => true,
    };
    let target = |point| Target::Point { process: site.name.clone(), point };
    Point::ALL.into_iter().filter(comes_to).map(target)
}

/// Everything that a kind can happen to.
pub(super) fn targets(kind: Kind, terrain: &Terrain) -> Vec<Target> {
    let processes = terrain.processes.iter().map(|site| site.name.clone());
    match kind {
        Kind::Kill | Kind::Pause => processes.map(Target::Process).collect(),
        Kind::FaultPoints => terrain.processes.iter().flat_map(points).collect(),
        Kind::Sessions | Kind::Leases => {
            terrain.services().into_iter().map(|service| Target::Database(service.to_owned())).collect()
        }
        Kind::PostgresRestart => vec![Target::Postgres],
        Kind::KafkaRestart => vec![Target::Kafka],
        Kind::ProviderErrors | Kind::ProviderTimeouts => vec![Target::Provider],
        Kind::Cut | Kind::Blackhole | Kind::Delay => {
            terrain.links.iter().cloned().map(Target::Link).collect()
        }
    }
}

/// What a fault keeps for itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Kept {
    Process(String),
    Database(String),
    /// PostgreSQL and Kafka together, so that not both are away.
    Servers,
    Provider,
}

fn kept(target: &Target) -> Kept {
    match target {
        Target::Process(process) | Target::Point { process, .. } => Kept::Process(process.clone()),
        Target::Database(service) => Kept::Database(service.clone()),
        Target::Postgres | Target::Kafka => Kept::Servers,
        Target::Provider => Kept::Provider,
        Target::Link(link) => link.process.clone().map_or(Kept::Servers, Kept::Process),
    }
}

/// What is kept by faults, and until when.
pub(super) struct Occupied<'t> {
    terrain: &'t Terrain,
    until: HashMap<Kept, Duration>,
}

impl<'t> Occupied<'t> {
    pub(super) fn new(terrain: &'t Terrain) -> Self {
        Self { terrain, until: HashMap::new() }
    }

    pub(super) fn is_free(&self, target: &Target, at: Duration) -> bool {
        let kept = kept(target);
        if self.is_kept(&kept, at) {
            return false;
        }
        let Kept::Process(process) = &kept else { return true };
        let Some(service) = self.terrain.service_of(process) else { return false };
        let siblings = self.terrain.processes.iter().filter(|site| site.service == service);
        let faulty = siblings.filter(|site| self.is_kept(&Kept::Process(site.name.clone()), at)).count();
        faulty < self.terrain.replicas(service).saturating_sub(1).max(1)
    }

    pub(super) fn take(&mut self, kind: Kind, target: &Target, at: Duration, length: Duration) {
        self.until.insert(kept(target), at + length + recovery(kind));
    }

    fn is_kept(&self, kept: &Kept, at: Duration) -> bool {
        self.until.get(kept).is_some_and(|until| *until > at)
    }
}
