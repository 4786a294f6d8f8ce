//! The report as one page that needs nothing else.

use askama::Template;
use bowline_faults::{Kind, Outcome, Record};

use super::report::{ProveReport, Tally};

/// The most faults that the page lists; the JSON has all of them.
const RECORDS_MAX: usize = 2_000;

#[derive(Template)]
#[template(path = "prove.html")]
struct Page<'r> {
    report: &'r ProveReport,
    /// Each with what came of it.
    records: Vec<(&'r Record, String)>,
    left_out: usize,
}

/// Draws the page.
pub(super) fn of(report: &ProveReport) -> Result<String, askama::Error> {
    let records: Vec<_> =
        report.records.iter().take(RECORDS_MAX).map(|record| (record, came_of(record))).collect();
    let left_out = report.records.len() - records.len();
    Page { report, records, left_out }.render()
}

fn came_of(record: &Record) -> String {
    match &record.outcome {
        Outcome::Injected { recovered_ms: Some(took) } => format!("back after {took} ms"),
        Outcome::Injected { recovered_ms: None } => "over".to_owned(),
        Outcome::NotReached => "not reached".to_owned(),
        Outcome::Skipped { reason } => format!("skipped: {reason}"),
        Outcome::Failed { reason } => format!("failed: {reason}"),
    }
}

impl Page<'_> {
    fn faults(&self) -> impl Iterator<Item = (&'static str, &'static str, &Tally)> {
        self.report.faults.iter().map(|(kind, tally): (&Kind, _)| (kind.name(), kind.what(), tally))
    }

    fn restarts(&self) -> impl Iterator<Item = (&String, &u64)> {
        self.report.replay.restarts.iter().filter(|(_, count)| **count > 0)
    }
}
