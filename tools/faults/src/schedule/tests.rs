//! The same seed, the same faults; and never too much at once.

use proptest::prelude::*;

use super::*;
use crate::target::{Link, ProcessSite};

/// Four services of some replicas, each process with a link to its database.
fn terrain(replicas: usize) -> Terrain {
    let mut terrain = Terrain::default();
    for service in ["orders", "inventory", "payment", "projection"] {
        for number in 1..=replicas {
            let name = if number == 1 { service.to_owned() } else { format!("{service}-{number}") };
            terrain.links.push(Link { process: Some(name.clone()), party: "postgres".to_owned() });
            let (grpc_address, http_url) = (String::new(), String::new());
            let service = service.to_owned();
            terrain.processes.push(ProcessSite { name, service, grpc_address, http_url });
        }
    }
    terrain
}

fn options(seed: u64, seconds: u64, kinds: Vec<Kind>) -> ScheduleOptions {
    ScheduleOptions { seed, duration: Duration::from_secs(seconds), kinds, lease_ttl: Duration::from_secs(2) }
}

/// The process that a fault disables.
fn disabled(fault: &Planned) -> Option<&str> {
    match &fault.target {
        Target::Process(process) | Target::Point { process, .. } => Some(process),
        Target::Link(link) => link.process.as_deref(),
        Target::Database(_) | Target::Postgres | Target::Kafka | Target::Provider => None,
    }
}

#[test]
fn a_seed_decides_everything() {
    let all = options(7, 300, Kind::ALL.to_vec());
    let faults = schedule(&all, &terrain(2));
    assert_eq!(faults, schedule(&all, &terrain(2)));
    let other = ScheduleOptions { seed: 8, ..all };
    assert_ne!(faults, schedule(&other, &terrain(2)));
    // What seed 7 means must not change by accident: a run could not be repeated.
    let first: Vec<String> =
        faults[..3].iter().map(|f| format!("{:?} {} {}", f.at, f.kind, f.target)).collect();
    assert_eq!(first, PINNED);
}

const PINNED: [&str; 3] =
    ["366ms postgres-restart postgres", "1.823s leases database of payment", "3.302s kill orders"];

#[test]
fn twenty_minutes_hold_a_thousand_faults_of_every_kind() {
    let faults = schedule(&options(7, 1_200, Kind::ALL.to_vec()), &terrain(2));
    assert!(faults.len() >= 1_000, "{}", faults.len());
    for kind in Kind::ALL {
        let count = faults.iter().filter(|fault| fault.kind == kind).count();
        assert!(count >= 10, "{kind}: {count}");
    }
}

proptest! {
    #[test]
    fn never_too_much_at_once(
        seed: u64,
        seconds in 1_u64..300,
        replicas in 1_usize..4,
        kinds in proptest::sample::subsequence(Kind::ALL.to_vec(), 1..=Kind::ALL.len()),
    ) {
        let options = options(seed, seconds, kinds);
        let terrain = terrain(replicas);
        let faults = schedule(&options, &terrain);
        for (index, fault) in faults.iter().enumerate() {
            prop_assert_eq!(fault.number as usize, index + 1);
            prop_assert!(fault.at + fault.length <= options.duration, "it ends in time");
            prop_assert!(options.kinds.contains(&fault.kind));
            let (shortest, longest) = rules::length_ms(fault.kind, options.lease_ttl);
            let lengths = Duration::from_millis(shortest)..=Duration::from_millis(longest);
            prop_assert!(lengths.contains(&fault.length));
            let going_on: Vec<&Planned> = faults[..index]
                .iter()
                .filter(|other| other.at + other.length + SPARE > fault.at)
                .collect();
            prop_assert!(going_on.iter().all(|other| other.target != fault.target));
            let server = |fault: &Planned| matches!(fault.target, Target::Postgres | Target::Kafka);
            prop_assert!(!(server(fault) && going_on.iter().any(|other| server(other))));
            if let Some(process) = disabled(fault) {
                let service = terrain.service_of(process);
                let others = going_on.iter().filter_map(|other| disabled(other));
                let faulty = others.filter(|other| terrain.service_of(other) == service).count();
                prop_assert!(faulty < replicas.saturating_sub(1).max(1), "a process is left in peace");
            }
        }
    }
}

/// The shortest time that anything has to recover.
const SPARE: Duration = Duration::from_secs(1);
