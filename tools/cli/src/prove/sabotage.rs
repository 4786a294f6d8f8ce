//! `bowline prove --sabotage`: mechanisms broken on purpose, to show that the proof would notice.

use std::time::{Duration, Instant};

use bowline_fault_points::Sabotage;
use bowline_faults::Kind;
use comfy_table::{Table, presets};
use serde::Serialize;

use super::report::ProveReport;
use super::{Conditions, ProveArgs, recording};
use crate::output::tell;
use crate::screen::say;
use crate::stop::Stop;

/// How long faults are injected.
const DURATION: Duration = Duration::from_secs(30);
/// How long orders flow when the mechanism is missed without any fault.
const FAULTLESS_DURATION: Duration = Duration::from_secs(10);
/// What does not move for so long while a mechanism is broken does not move any more.
const STALL_AFTER: Duration = Duration::from_secs(15);
/// How long a broken stack may take to come to rest.
const QUIET_MAX: Duration = Duration::from_secs(15);
/// Of the charges that cannot be captured, so that something has to be undone.
const CAPTURES_REFUSED: &str = "0.05";

/// What is broken in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// One mechanism.
    One(Sabotage),
    /// Every mechanism in turn, behind a run in which none is.
    All,
}

/// Reads the name of a mechanism, or `all`.
pub(super) fn broken(name: &str) -> Result<Broken, String> {
    match name {
        "all" => Ok(Broken::All),
        name => name.parse().map(Broken::One).map_err(|unknown| format!("{unknown}, or all")),
    }
}

/// One run, and what came of it.
#[derive(Debug, Serialize)]
struct Trial {
    /// What was broken; nothing in the run that shows that the others could have held.
    broken: Option<&'static str>,
    /// What the proof says is wrong, first of all.
    found: Option<String>,
    /// From the start of the servers to their end.
    took_ms: u64,
}

/// Runs a proof for each mechanism, on a stack of its own, and tells whether each was found out: true when all were, and
/// when nothing was found where nothing was broken.
pub(super) async fn run(args: &ProveArgs, stop: &Stop) -> anyhow::Result<bool> {
    let mut trials = Vec::new();
    for sabotage in wanted(&args.sabotage) {
        let name = sabotage.map(Sabotage::name);
        say(&format!("== {}", name.map_or("nothing is broken".to_owned(), |name| format!("broken: {name}"))));
        let begun = Instant::now();
        let report = Box::pin(super::prove(&changed(args, sabotage), &conditions(sabotage), stop)).await?;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        trials.push(Trial { broken: name, found: found(sabotage, report), took_ms });
    }
    tell(&format!("\n{}\n", table(&trials)));
    if let Some(file) = &args.report {
        std::fs::write(file, serde_json::to_string_pretty(&trials)? + "\n")?;
    }
    Ok(trials.iter().all(Trial::is_as_expected))
}

/// The runs, each mechanism once; with all of them, one in which nothing is broken comes first.
fn wanted(named: &[Broken]) -> Vec<Option<Sabotage>> {
    if named.contains(&Broken::All) {
        return std::iter::once(None).chain(Sabotage::ALL.map(Some)).collect();
    }
    let is_named = |sabotage: &Sabotage| named.contains(&Broken::One(*sabotage));
    Sabotage::ALL.into_iter().filter(is_named).map(Some).collect()
}

/// A short run.
fn changed(args: &ProveArgs, sabotage: Option<Sabotage>) -> ProveArgs {
    let mut changed = args.clone();
    changed.skip_recovery = true;
    changed.report = None;
    changed.duration = match sabotage {
        Some(_) if kinds(sabotage).is_empty() => FAULTLESS_DURATION,
        _ => DURATION,
    };
    changed.replicas = changed.replicas.max(2);
    changed.provider = changed.provider.refusing_captures(CAPTURES_REFUSED);
    if sabotage.is_some() {
        changed.stall_after = STALL_AFTER;
        changed.quiet_max = QUIET_MAX;
    }
    changed
}

/// The faults that must happen for the mechanism to be missed.
fn kinds(sabotage: Option<Sabotage>) -> Vec<Kind> {
    match sabotage {
        None => vec![Kind::Kill, Kind::Sessions, Kind::Leases, Kind::FaultPoints],
        // Messages that are published again.
        Some(Sabotage::SkipWatermark) => vec![Kind::Kill, Kind::FaultPoints],
        // Transactions that are rolled back.
        Some(Sabotage::NumberBySequence | Sabotage::PublishBeforeCommit) => {
            vec![Kind::Sessions, Kind::FaultPoints]
        }
        // Answers that are lost.
        Some(Sabotage::ForgetKeys) => vec![Kind::Kill, Kind::Sessions, Kind::FaultPoints],
        // Streams that are read again.
        Some(Sabotage::TrustSnapshots) => vec![Kind::Kill, Kind::Leases],
        Some(Sabotage::SkipOwnership | Sabotage::DropCompensation | Sabotage::PassParked) => Vec::new(),
    }
}

/// What happens in a run, and what every service is told.
fn conditions(sabotage: Option<Sabotage>) -> Conditions {
    let mut env = recording();
    env.push(("BOWLINE_SNAPSHOT_EVERY".to_owned(), "2".to_owned()));
    env.extend(sabotage.map(|sabotage| (Sabotage::VARIABLE.to_owned(), sabotage.name().to_owned())));
    Conditions { kinds: kinds(sabotage), env, poison: sabotage == Some(Sabotage::PassParked) }
}

/// The first thing that a report says is wrong. A parked message is wrong by itself: there it must be said that those
/// behind it were applied.
fn found(sabotage: Option<Sabotage>, report: ProveReport) -> Option<String> {
    match sabotage {
        Some(Sabotage::PassParked) => report.passed_parked,
        _ => report.broken.into_iter().next(),
    }
}

impl Trial {
    fn is_as_expected(&self) -> bool {
        self.broken.is_some() == self.found.is_some()
    }
}

fn table(trials: &[Trial]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["", "broken", "found", "took"]);
    for trial in trials {
        table.add_row([
            if trial.is_as_expected() { "✓" } else { "✗" },
            trial.broken.unwrap_or("nothing"),
            trial.found.as_deref().unwrap_or("nothing"),
            &format!("{} s", trial.took_ms / 1_000),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_begins_with_a_run_in_which_nothing_is_broken() {
        let all = wanted(&[Broken::One(Sabotage::ForgetKeys), Broken::All]);
        assert_eq!((all[0], all.len()), (None, 1 + Sabotage::ALL.len()));
        let some = wanted(&[broken("pass-parked").unwrap(), broken("skip-watermark").unwrap()]);
        assert_eq!(some, [Some(Sabotage::SkipWatermark), Some(Sabotage::PassParked)]);
        assert!(broken("gravity").unwrap_err().contains("skip-watermark"));
    }

    #[test]
    fn only_what_is_broken_may_be_found() {
        let trial =
            |broken, found: Option<&str>| Trial { broken, found: found.map(str::to_owned), took_ms: 1 };
        assert!(trial(None, None).is_as_expected() && trial(Some("x"), Some("y")).is_as_expected());
        assert!(!trial(Some("x"), None).is_as_expected() && !trial(None, Some("y")).is_as_expected());
    }

    #[test]
    fn every_service_is_told_what_is_broken() {
        for sabotage in Sabotage::ALL {
            let told = (Sabotage::VARIABLE.to_owned(), sabotage.name().to_owned());
            assert!(conditions(Some(sabotage)).env.contains(&told));
        }
        assert!(conditions(None).env.iter().all(|(name, _)| name != Sabotage::VARIABLE));
    }
}
