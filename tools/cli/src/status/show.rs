//! The whole picture, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::time::Duration;

use bowline_contracts::common::v1::{GetStatusResponse, HeardLaneState, PartitionLease, ServingPhase};
use bowline_contracts::convert;
use bowline_contracts::payloads::Json;
use chrono::{DateTime, SecondsFormat, Utc};
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use super::ask::Asked;
use super::flows::{self, Flow, Progress, Route};
use super::problems::{self, Problem};
use crate::tables::{NOTHING, bare_table, fitted, table};

/// The columns of how far messages have come, which [`progress`] fills.
const PROGRESS: [&str; 5] = ["sent", "published", "applied", "behind", "oldest waits"];
/// So many problems are named in the headline.
const HEADLINE_MAX: usize = 4;

/// How everything stands at a moment.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) problems: Vec<Problem>,
    asked: Vec<Asked>,
    flows: Vec<Flow>,
    routes: Vec<Route>,
    /// How many sagas wait for what, in the order of their steps.
    in_flight: Vec<(String, i64)>,
    looked_at: DateTime<Utc>,
}

/// The same for programs.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    looked_at: String,
    is_well: bool,
    headline: String,
    problems: &'a [Problem],
    processes: Vec<Process<'a>>,
    routes: &'a [Route],
    lanes: &'a [Flow],
    /// By what they wait for.
    sagas_in_flight: BTreeMap<&'a str, i64>,
}

/// What one process has told, or why it has not.
#[derive(Serialize)]
struct Process<'a> {
    service: &'a str,
    url: &'a str,
    silence: Option<&'a str>,
    status: Option<Json>,
}

impl<'a> Process<'a> {
    fn of(Asked { service, url, answer }: &'a Asked) -> Self {
        let silence = answer.as_ref().err().map(|silence| silence.why.as_str());
        Self { service, url, silence, status: answer.as_ref().ok().map(Json::from) }
    }
}

impl Picture {
    /// What the answers come to.
    pub(super) fn of(asked: Vec<Asked>, late_after: Duration, here: &str, looked_at: DateTime<Utc>) -> Self {
        let flows = flows::all(&asked);
        let routes = Route::all(&flows);
        let problems = problems::all(&asked, &flows, &routes, late_after, here);
        let mut in_flight: Vec<(String, i64)> = Vec::new();
        for step in told(&asked).flat_map(|told| &told.in_flight) {
            match in_flight.iter_mut().find(|(awaits, _)| *awaits == step.awaits) {
                Some((_, count)) => *count += step.count,
                None => in_flight.push((step.awaits.clone(), step.count)),
            }
        }
        Self { problems, asked, flows, routes, in_flight, looked_at }
    }

    /// The same, with how fast everything has moved since the picture before.
    pub(super) fn since(mut self, before: Option<&Self>) -> Self {
        if let Some(before) = before {
            let elapsed = (self.looked_at - before.looked_at).to_std().unwrap_or_default();
            Route::measure(&mut self.routes, &before.routes, elapsed);
        }
        self
    }

    pub(super) fn json(&self) -> Document<'_> {
        Document {
            looked_at: self.looked_at.to_rfc3339_opts(SecondsFormat::Millis, true),
            is_well: self.problems.is_empty(),
            headline: self.headline(),
            problems: &self.problems,
            processes: self.asked.iter().map(Process::of).collect(),
            routes: &self.routes,
            lanes: &self.flows,
            sagas_in_flight: self.in_flight.iter().map(|(awaits, count)| (awaits.as_str(), *count)).collect(),
        }
    }

    /// For people; with every lane, or with sums.
    pub(super) fn text(&self, every_lane: bool) -> String {
        let mark = if self.problems.is_empty() {
            console::style("✓").green().bold()
        } else {
            console::style("✗").red().bold()
        };
        let mut text = format!("{}\n", wrapped(&[(mark.to_string(), self.headline())]));
        if !self.problems.is_empty() {
            let told = self.problems.iter().flat_map(|problem| {
                let mend = Some(&problem.mend).filter(|mend| !mend.is_empty());
                let what = [("✗".to_owned(), problem.what.clone())];
                what.into_iter().chain(mend.map(|mend| (String::new(), format!("→ {mend}"))))
            });
            let _always_taken = writeln!(text, "\n{}", wrapped(&told.collect::<Vec<_>>()));
        }
        let _always_taken = writeln!(text, "\n{}", self.processes().trim_fmt());
        if !self.flows.is_empty() {
            let lanes = if every_lane { self.lanes() } else { self.sums() };
            let _always_taken = writeln!(text, "\n{}", lanes.trim_fmt());
        }
        if every_lane {
            let _always_taken = writeln!(text, "\n{}", self.leases().trim_fmt());
        }
        if !self.in_flight.is_empty() {
            let _always_taken = writeln!(text, "\n{}", self.sagas());
        }
        text
    }

    /// In one line, whether all is well, or what is not.
    fn headline(&self) -> String {
        if self.problems.is_empty() {
            let services = flows::stored(told(&self.asked)).len();
            let behind: i64 = self.flows.iter().filter_map(|flow| flow.progress.behind).sum();
            return format!(
                "all is well: {} of {} up, {} without trouble, {} on their way",
                plural(self.asked.len(), "replica"),
                plural(services, "service"),
                plural(self.flows.len(), "lane"),
                plural(behind, "message"),
            );
        }
        let short = problems::in_short(&self.problems);
        let more = short.len().saturating_sub(HEADLINE_MAX);
        let named = short[..short.len() - more].join("; ");
        if more == 0 { named } else { format!("{named}; and {more} more") }
    }

    fn processes(&self) -> Table {
        let mut table = table(&["service", "process", "version", "up", "partitions", "state", "address"]);
        for Asked { service, url, answer } in &self.asked {
            match answer {
                Ok(told) => table.add_row([
                    service.clone(),
                    told.instance.clone(),
                    told.version.clone(),
                    up_for(told).map_or_else(|| NOTHING.to_owned(), age),
                    ranges(&told.partitions),
                    state(told).to_owned(),
                    url.clone(),
                ]),
                Err(silence) => {
                    let nothing = || NOTHING.to_owned();
                    let state = silence.why.clone();
                    table.add_row([
                        service.clone(),
                        nothing(),
                        nothing(),
                        nothing(),
                        nothing(),
                        state,
                        url.clone(),
                    ])
                }
            };
        }
        fitted(table, &["version", "partitions", "up"], "state")
    }

    /// A row for each source, topic and reader.
    fn sums(&self) -> Table {
        let has_pace = self.routes.iter().any(|route| route.applied_a_second.is_some());
        let mut header = vec!["from → to", "topic", "lanes"];
        header.extend(PROGRESS);
        if has_pace {
            header.extend(["sent/s", "applied/s"]);
        }
        let mut table = table(&header);
        for route in &self.routes {
            let lanes = match route.held {
                0 => format!("{} flow", route.lanes),
                held => format!("{held} of {} stand", route.lanes),
            };
            let mut row = vec![format!("{} → {}", route.source, route.reader), route.topic.clone(), lanes];
            row.extend(progress(&route.progress));
            if has_pace {
                let pace =
                    |pace: Option<f64>| pace.map_or_else(|| "?".to_owned(), |pace| format!("{pace:.0}"));
                row.extend([pace(route.sent_a_second), pace(route.applied_a_second)]);
            }
            table.add_row(row);
        }
        let spare = ["published", "applied/s", "sent/s", "sent", "applied", "topic"];
        fitted(numbers(table, 3), &spare, "lanes")
    }

    /// A row for each lane.
    fn lanes(&self) -> Table {
        let mut table = table(&[&["lane", "state"], &PROGRESS[..]].concat());
        for flow in &self.flows {
            let lane = [flow.name(), standing(flow).to_owned()];
            table.add_row(lane.into_iter().chain(progress(&flow.progress)));
        }
        fitted(numbers(table, 2), &["published", "sent", "applied"], "state")
    }

    /// A row for each partition of each service.
    fn leases(&self) -> Table {
        let mut table = table(&["service", "partition", "process", "address", "lease ends in", "hands"]);
        for (service, stored) in flows::stored(told(&self.asked)) {
            for lease in &stored.leases {
                table.add_row([
                    service.to_owned(),
                    lease.partition.to_string(),
                    self.holder(service, lease),
                    lease.holder_address.clone(),
                    self.left(lease),
                    lease.epoch.to_string(),
                ]);
            }
        }
        fitted(table, &["hands", "address"], "process")
    }

    /// The name of the process that holds a lease, if it was asked.
    fn holder(&self, service: &str, lease: &PartitionLease) -> String {
        if lease.holder.is_empty() {
            return "nobody".to_owned();
        }
        let holds =
            |told: &&GetStatusResponse| told.service == service && told.partitions.contains(&lease.partition);
        told(&self.asked).find(holds).map_or_else(|| lease.holder.clone(), |told| told.instance.clone())
    }

    fn left(&self, lease: &PartitionLease) -> String {
        let ends = lease.expire_time.and_then(convert::time);
        let left = ends.map(|ends| (ends - self.looked_at).to_std().unwrap_or_default());
        left.map_or_else(|| NOTHING.to_owned(), age)
    }

    fn sagas(&self) -> String {
        let steps: Vec<String> =
            self.in_flight.iter().map(|(awaits, count)| format!("{count} wait for {awaits}")).collect();
        format!("sagas that are not decided: {}", steps.join(", "))
    }
}

fn told(asked: &[Asked]) -> impl Iterator<Item = &GetStatusResponse> {
    asked.iter().filter_map(|asked| asked.answer.as_ref().ok())
}

/// Marks and texts, which are broken into lines where the terminal ends.
fn wrapped(lines: &[(String, String)]) -> String {
    let mut table = bare_table();
    for (mark, text) in lines {
        table.add_row([mark, text]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table.trim_fmt()
}

/// Columns from this one on hold numbers.
fn numbers(mut table: Table, from: usize) -> Table {
    for column in table.column_iter_mut().skip(from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn state(told: &GetStatusResponse) -> &'static str {
    match told.phase() {
        ServingPhase::Serving if told.obstacles.is_empty() => "takes calls",
        ServingPhase::Serving | ServingPhase::Unspecified => "takes no calls",
        ServingPhase::Starting => "starts",
        ServingPhase::Draining => "is stopping",
    }
}

fn standing(flow: &Flow) -> &'static str {
    match flow.heard.state() {
        HeardLaneState::Flowing => "flows",
        HeardLaneState::Missing => "waits for lost messages",
        HeardLaneState::Doubt => "asks its source",
        HeardLaneState::Forgotten | HeardLaneState::Stopped => "stopped",
        HeardLaneState::Unspecified => "unknown",
    }
}

fn up_for(told: &GetStatusResponse) -> Option<Duration> {
    let (start, read) = (told.start_time.and_then(convert::time)?, told.read_time.and_then(convert::time)?);
    (read - start).to_std().ok()
}

fn progress(of: &Progress) -> [String; 5] {
    let Progress { head, published, applied, behind, oldest } = of;
    [known(*head), known(*published), applied.to_string(), known(*behind), waits(*oldest)]
}

fn known(number: Option<i64>) -> String {
    number.map_or_else(|| "?".to_owned(), |number| number.to_string())
}

fn waits(oldest: Option<Duration>) -> String {
    oldest.map_or_else(|| NOTHING.to_owned(), age)
}

/// Partitions, runs of them shortened: `0-3, 6`.
pub(super) fn ranges(partitions: &[u32]) -> String {
    if partitions.is_empty() {
        return "none".to_owned();
    }
    let runs = partitions.chunk_by(|a, b| *b == a + 1).map(|run| match run {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    });
    runs.collect::<Vec<_>>().join(", ")
}

/// A length of time as an operator wants it.
pub(super) fn age(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 10..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds @ 7_200..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// So many of something.
pub(super) fn plural(count: impl Copy + Display + PartialEq + From<u8>, what: &str) -> String {
    if count == 1.into() { format!("{count} {what}") } else { format!("{count} {what}s") }
}
