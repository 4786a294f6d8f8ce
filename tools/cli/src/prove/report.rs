//! What a proof has found out: as JSON for machines, as text and as a page for people.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use bowline_faults::{Kind, Outcome, Record};
use bowline_load::compare::Comparison;
use bowline_load::generator::Pace;
use bowline_load::plan::Plan;
use bowline_load::report::{Invariant, Report};
use bowline_prove::{Busy, Proof};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::ProveArgs;
use super::journal::Notes;
use super::page;
use super::recovery::Measured;
use crate::demo;
use crate::replaying::Replayed;
use crate::screen::say;

/// The report of a proof. Its JSON is the serde form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ProveReport {
    /// Whether all invariants hold and nothing is unfinished.
    pub(super) holds: bool,
    /// What everything depended on.
    pub(super) run: RunFacts,
    /// The faults by kind.
    pub(super) faults: BTreeMap<Kind, Tally>,
    /// How fast the system recovered from one fault at a time; empty when that was left out.
    pub(super) recovery: Vec<Measured>,
    /// How often a caller had to send a request again.
    pub(super) calls_resent: u64,
    /// What is broken or stuck, in words; empty when nothing is.
    pub(super) broken: Vec<String>,
    /// The orders, the money, the invariants and the restarts.
    #[serde(flatten)]
    pub(super) replay: Report,
    /// Who has applied what follows a parked message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) passed_parked: Option<String>,
    /// Every fault, in the order in which they began.
    pub(super) records: Vec<Record>,
}

/// What a run depended on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct RunFacts {
    pub(super) seed: u64,
    pub(super) duration_ms: u64,
    pub(super) kinds: Vec<Kind>,
    pub(super) replicas: u8,
    pub(super) pace: String,
    pub(super) faults_scheduled: usize,
    /// Those that have happened.
    pub(super) faults_injected: u64,
}

/// What came of the faults of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) struct Tally {
    pub(super) injected: u64,
    /// Told to abort at a point that the work did not come to in time.
    pub(super) not_reached: u64,
    pub(super) skipped: u64,
    /// What it happened to did not come back.
    pub(super) failed: u64,
    /// Half of those that had to come back were back within this.
    pub(super) recovered_ms_p50: Option<u64>,
    /// The slowest.
    pub(super) recovered_ms_max: Option<u64>,
}

/// What a run was told to do.
pub(super) struct Run<'r> {
    pub(super) args: &'r ProveArgs,
    pub(super) kinds: &'r [Kind],
    pub(super) scheduled: usize,
}

/// What was found after it.
pub(super) struct Findings {
    pub(super) proof: Proof,
    pub(super) comparison: Comparison,
    /// What still went on when the patience was over.
    pub(super) busy: Option<Busy>,
}

impl Tally {
    /// Within how long half of those were back that had to come back.
    pub(super) fn half_back(&self) -> String {
        in_milliseconds(self.recovered_ms_p50)
    }

    /// Within how long the slowest was back.
    pub(super) fn slowest(&self) -> String {
        in_milliseconds(self.recovered_ms_max)
    }
}

impl ProveReport {
    pub(super) fn new(
        run: &Run<'_>,
        plan: &Plan,
        replayed: &Replayed,
        notes: Notes,
        findings: Findings,
        restarts: BTreeMap<String, u64>,
    ) -> Self {
        let Findings { proof, comparison, busy } = findings;
        let outcome = &replayed.outcome;
        let mut records = notes.records;
        records.sort_by_key(|record| record.number);
        let own =
            [accepted_are_there(&proof, outcome.placed()), sums_agree(&proof, replayed), came_back(&records)];
        let invariants: Vec<Invariant> =
            demo::invariants(&proof).chain(comparison.invariants()).chain(own).collect();
        let replay = Report::new(plan, outcome, demo::books(&proof), invariants, restarts);
        let mut broken = words(&proof, &comparison, &records);
        let under_way = "differences may be what was still under way";
        broken.extend(busy.map(|busy| format!("the stack has not come to rest, so {under_way}: {busy}")));
        broken.extend(replayed.stalled.as_ref().map(ToString::to_string));
        broken.extend(notes.not_healed);
        broken.extend(notes.passed_parked.clone());
        for invariant in replay.invariants.iter().filter(|invariant| invariant.violations > 0) {
            broken.push(format!("{} violations: {}", invariant.violations, invariant.name));
        }
        let faults = tallies(&records);
        Self {
            holds: broken.is_empty() && replay.is_success(),
            run: RunFacts {
                seed: run.args.seed,
                duration_ms: u64::try_from(run.args.duration.as_millis()).unwrap_or(u64::MAX),
                kinds: run.kinds.to_vec(),
                replicas: run.args.replicas,
                pace: match run.args.pace() {
                    Pace::Closed { concurrency } => format!("{concurrency} orders in flight"),
                    Pace::Open { per_second } => format!("{per_second} orders a second"),
                },
                faults_scheduled: run.scheduled,
                faults_injected: faults.values().map(|tally| tally.injected).sum(),
            },
            faults,
            recovery: notes.recoveries,
            calls_resent: outcome.resent,
            broken,
            replay,
            passed_parked: notes.passed_parked,
            records,
        }
    }

    /// Whether all invariants hold and nothing is unfinished.
    pub(super) fn holds(&self) -> bool {
        self.holds
    }

    fn to_json(&self) -> String {
        let mut json = serde_json::to_string_pretty(self).expect("text keys and finite numbers are JSON");
        json.push('\n');
        json
    }

    /// The report for a terminal.
    pub(super) fn text(&self) -> String {
        let mut text = self.replay.summary();
        text += &section("Faults", &self.fault_table());
        if !self.recovery.is_empty() {
            text += &section("Recovery from one fault at a time", &self.recovery_table());
        }
        for broken in &self.broken {
            text.push_str(broken);
            text.push('\n');
        }
        let verdict = if self.holds { "everything holds" } else { "IT DOES NOT HOLD" };
        let RunFacts { faults_injected, seed, .. } = &self.run;
        text + &format!(
            "{verdict}: {faults_injected} faults, {} orders, seed {seed}\n",
            self.replay.orders.placed
        )
    }

    fn fault_table(&self) -> Table {
        let header = ["fault", "injected", "not reached", "skipped", "failed", "back, p50", "slowest"];
        let rows = self.faults.iter().map(|(kind, tally)| {
            let Tally { injected, not_reached, skipped, failed, .. } = tally;
            let counts = [injected, not_reached, skipped, failed].map(ToString::to_string);
            let times = [tally.half_back(), tally.slowest()];
            [kind.name().to_owned()].into_iter().chain(counts).chain(times).collect()
        });
        table(&header, 1..7, rows)
    }

    fn recovery_table(&self) -> Table {
        let header = ["", "after", "until", "from", "took", "aim", "rate before"];
        let rows = self.recovery.iter().map(|measured| {
            vec![
                if measured.is_met() { "✓" } else { "✗" }.to_owned(),
                measured.fault.clone(),
                measured.until.to_owned(),
                measured.from.to_owned(),
                measured.took(),
                format!("{} ms", measured.aim_ms),
                format!("{:.0}/s", measured.rate_before),
            ]
        });
        table(&header, 4..7, rows)
    }
}

/// Whom a caller was told that an order is accepted finds it in the books, and nothing beside.
fn accepted_are_there(proof: &Proof, placed: u64) -> Invariant {
    let found = proof.invariants.first().map_or(0, |orders| orders.checked);
    let name = "every accepted order is in the books once, and no other".to_owned();
    Invariant { name, checked: placed, violations: found.abs_diff(placed) }
}

/// What callers were told adds up to what the books do.
fn sums_agree(proof: &Proof, replayed: &Replayed) -> Invariant {
    let mut invariant = Invariant::unchecked("money and units of the books are those that callers heard of");
    let (totals, outcome) = (proof.totals, &replayed.outcome);
    let units = i64::try_from(outcome.confirmed_units()).unwrap_or(i64::MAX);
    for (books, heard) in [(totals.captured_minor, outcome.confirmed_minor()), (totals.units_sold, units)] {
        invariant.check((books != heard).then_some(()));
    }
    invariant
}

fn came_back(records: &[Record]) -> Invariant {
    let mut invariant = Invariant::unchecked("what a fault has happened to comes back");
    for record in records {
        match record.outcome {
            Outcome::Injected { .. } => drop(invariant.check(None::<()>)),
            Outcome::Failed { .. } => drop(invariant.check(Some(()))),
            Outcome::NotReached | Outcome::Skipped { .. } => {}
        }
    }
    invariant
}

/// Examples of what is broken.
fn words(proof: &Proof, comparison: &Comparison, records: &[Record]) -> Vec<String> {
    let examples = proof.invariants.iter().flat_map(|invariant| {
        invariant.examples.iter().map(|example| format!("{}: {example}", invariant.name))
    });
    let failed = records.iter().filter_map(|record| match &record.outcome {
        Outcome::Failed { reason } => {
            Some(format!("fault {} ({} of {}): {reason}", record.number, record.kind, record.target))
        }
        Outcome::Injected { .. } | Outcome::NotReached | Outcome::Skipped { .. } => None,
    });
    examples.chain(comparison.deviations.iter().cloned()).chain(failed).collect()
}

fn tallies(records: &[Record]) -> BTreeMap<Kind, Tally> {
    let mut tallies: BTreeMap<Kind, (Tally, Vec<u64>)> = BTreeMap::new();
    for record in records {
        let (tally, times) = tallies.entry(record.kind).or_default();
        match &record.outcome {
            Outcome::Injected { recovered_ms } => {
                tally.injected += 1;
                times.extend(recovered_ms);
            }
            Outcome::NotReached => tally.not_reached += 1,
            Outcome::Skipped { .. } => tally.skipped += 1,
            Outcome::Failed { .. } => tally.failed += 1,
        }
    }
    let with_times = tallies.into_iter().map(|(kind, (tally, mut times))| {
        times.sort_unstable();
        let recovered_ms_p50 = times.get(times.len().saturating_sub(1) / 2).copied();
        (kind, Tally { recovered_ms_p50, recovered_ms_max: times.last().copied(), ..tally })
    });
    with_times.collect()
}

fn section(title: &str, table: &Table) -> String {
    format!("{title}\n{table}\n\n")
}

fn table(header: &[&str], numbers: std::ops::Range<usize>, rows: impl Iterator<Item = Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    table.add_rows(rows);
    for index in numbers {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A time that may not be known, for people.
pub(super) fn in_milliseconds(time: Option<u64>) -> String {
    time.map_or_else(|| "–".to_owned(), |time| format!("{time} ms"))
}

/// Where the report goes.
pub(super) struct Files {
    json: PathBuf,
    page: PathBuf,
}

impl Files {
    /// The file of that name, and the page beside it; fails if either cannot be written.
    pub(super) fn beside(json: &Path) -> anyhow::Result<Self> {
        let page = json.with_extension("html");
        ensure!(page != json, "--report names the JSON file; the page beside it ends with .html");
        for path in [json, &page] {
            demo::check_writable(path)?;
        }
        Ok(Self { json: json.to_owned(), page })
    }

    /// Writes both.
    pub(super) fn write(&self, report: &ProveReport) -> anyhow::Result<()> {
        let page = page::of(report).context("the page cannot be drawn")?;
        for (path, content) in [(&self.json, report.to_json()), (&self.page, page)] {
            std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))?;
        }
        say(&format!("the report is in {}, for people in {}", self.json.display(), self.page.display()));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
