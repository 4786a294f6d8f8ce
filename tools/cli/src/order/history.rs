//! A timeline as causes and effects, with how long each step took.

use std::collections::HashMap;

use anyhow::Context as _;
use bowline_contracts::convert;
use bowline_contracts::payloads::Json;
use bowline_contracts::projection::v1::TimelineEntry;
use bowline_kernel::OrderId;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;

/// The steps of an order's saga, each behind the one that caused it.
pub(super) struct History<'a> {
    pub(super) steps: Vec<Step<'a>>,
}

/// One step.
pub(super) struct Step<'a> {
    pub(super) entry: &'a TimelineEntry,
    /// When it happened, by the clock of its service.
    pub(super) at: DateTime<Utc>,
    /// The place among the steps of the one that caused it; none for what somebody outside has asked for.
    pub(super) cause: Option<usize>,
    /// How many causes lie before it.
    pub(super) depth: usize,
    /// It names a cause that projection has not heard of yet.
    pub(super) is_early: bool,
}

/// A history for programs: the timeline's entries in the order of the steps, and what was worked out about them.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    order_id: OrderId,
    finished: bool,
    slowest_event_id: Option<&'a str>,
    /// The services whose turn it is; none once it is finished.
    waits_for: Vec<&'static str>,
    entries: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    entry: Json,
    /// Unlike `causation_id`, it passes over commands.
    cause_event_id: Option<&'a str>,
    offset_micros: i64,
    took_micros: Option<i64>,
}

impl<'a> History<'a> {
    /// The history that a timeline tells, which may have any order.
    pub(super) fn of(entries: &'a [TimelineEntry]) -> anyhow::Result<Self> {
        let causes = causes(entries);
        let mut effects = vec![Vec::new(); entries.len()];
        for (place, cause) in causes.iter().enumerate() {
            if let Some(cause) = *cause {
                effects[cause].push(place);
            }
        }
        let mut steps = Vec::with_capacity(entries.len());
        let mut is_told = vec![false; entries.len()];
        // Whatever is still untold after the roots runs in a circle, and begins somewhere.
        let roots = (0..entries.len()).filter(|place| causes[*place].is_none()).chain(0..entries.len());
        for root in roots {
            let mut next = vec![(root, None, 0)];
            while let Some((place, cause, depth)) = next.pop() {
                if std::mem::replace(&mut is_told[place], true) {
                    continue;
                }
                let entry = &entries[place];
                let at = entry.event_time.and_then(convert::time);
                let at = at.with_context(|| format!("event {} has no time", entry.event_id))?;
                let is_early = cause.is_none() && waits_for_an_event(entry);
                let own = steps.len();
                steps.push(Step { entry, at, cause, depth, is_early });
                next.extend(effects[place].iter().rev().map(|effect| (*effect, Some(own), depth + 1)));
            }
        }
        Ok(Self { steps })
    }

    /// When the first step happened.
    pub(super) fn start(&self) -> DateTime<Utc> {
        self.steps.iter().map(|step| step.at).min().unwrap_or_default()
    }

    /// The step that happened last.
    pub(super) fn last(&self) -> Option<&Step<'a>> {
        self.steps.iter().max_by_key(|step| step.at)
    }

    /// The step that took the longest from its cause to it.
    pub(super) fn slowest(&self) -> Option<&Step<'a>> {
        // Of equals the first: the others come later.
        self.steps.iter().rev().filter(|step| step.cause.is_some()).max_by_key(|step| self.took(step))
    }

    /// How long it was from the cause of a step to it; less than nothing if the clocks of their services disagree.
    pub(super) fn took(&self, step: &Step<'_>) -> Option<TimeDelta> {
        step.cause.map(|cause| step.at - self.steps[cause].at)
    }

    /// Whether nothing is left to do or to undo.
    pub(super) fn is_finished(&self) -> bool {
        self.steps.iter().any(|step| step.name() == "OrderFinished")
    }

    /// For programs.
    pub(super) fn document(&self, order_id: OrderId) -> Document<'_> {
        let micros = |span: TimeDelta| span.num_microseconds().unwrap_or(i64::MAX);
        let entries = self.steps.iter().map(|step| Told {
            entry: Json::from(step.entry),
            cause_event_id: step.cause.map(|cause| self.steps[cause].entry.event_id.as_str()),
            offset_micros: micros(step.at - self.start()),
            took_micros: self.took(step).map(micros),
        });
        Document {
            order_id,
            finished: self.is_finished(),
            slowest_event_id: self.slowest().map(|step| step.entry.event_id.as_str()),
            waits_for: self.wait().map(|wait| wait.services).unwrap_or_default(),
            entries: entries.collect(),
        }
    }
}

impl Step<'_> {
    /// What happened, such as `StockReserved`.
    pub(super) fn name(&self) -> &str {
        name(self.entry)
    }
}

fn name(entry: &TimelineEntry) -> &str {
    entry.r#type.rsplit('.').next().unwrap_or_default()
}

/// The place of each entry's cause. Commands stand in no timeline: what is undone by command was caused by the cancellation,
/// which sends them all.
fn causes(entries: &[TimelineEntry]) -> Vec<Option<usize>> {
    let places: HashMap<&str, usize> =
        entries.iter().enumerate().map(|(place, entry)| (entry.event_id.as_str(), place)).collect();
    let cancellation = entries.iter().position(|entry| name(entry) == "OrderCancelled");
    let cause = |entry: &TimelineEntry| {
        let named = places.get(entry.causation_id.as_str()).copied();
        named.or_else(|| cancellation.filter(|_| entry.compensation && name(entry) != "OrderCancelled"))
    };
    entries.iter().map(cause).collect()
}

/// Whether an entry is caused by another event, not by somebody who asks orders.
fn waits_for_an_event(entry: &TimelineEntry) -> bool {
    !entry.causation_id.is_empty() && !matches!(name(entry), "OrderPlaced" | "OrderCancelled")
}

#[cfg(test)]
pub(super) mod tests {
    use chrono::DateTime;

    use super::*;

    /// An event of an order: its id, its type, the id of its cause, milliseconds since the order was placed.
    pub(in crate::order) fn entry(id: &str, r#type: &str, cause: &str, millis: i64) -> TimelineEntry {
        let at = DateTime::from_timestamp_millis(1_750_000_000_000 + millis).unwrap();
        let service = r#type.split('.').nth(1).unwrap().to_owned();
        let compensation =
            ["Cancelled", "Released", "Voided", "Restocked"].iter().any(|undoing| r#type.ends_with(undoing));
        TimelineEntry {
            event_id: id.to_owned(),
            service,
            r#type: r#type.to_owned(),
            causation_id: cause.to_owned(),
            event_time: Some(convert::timestamp(at)),
            summary: String::new(),
            compensation,
            attempts: 0,
        }
    }

    /// Confirmed, captured and committed.
    pub(in crate::order) fn confirmed() -> Vec<TimelineEntry> {
        vec![
            entry("1", "bowline.orders.v1.OrderPlaced", "request", 0),
            entry("2", "bowline.inventory.v1.StockReserved", "1", 12),
            TimelineEntry { attempts: 3, ..entry("3", "bowline.payment.v1.PaymentAuthorized", "2", 242) },
            entry("4", "bowline.orders.v1.OrderConfirmed", "3", 250),
            entry("6", "bowline.inventory.v1.StockCommitted", "4", 261),
            TimelineEntry { attempts: 1, ..entry("5", "bowline.payment.v1.PaymentCaptured", "4", 290) },
            entry("7", "bowline.orders.v1.OrderFinished", "5", 300),
        ]
    }

    /// Declined; the stock is released by a command.
    pub(in crate::order) fn declined() -> Vec<TimelineEntry> {
        vec![
            entry("1", "bowline.orders.v1.OrderPlaced", "request", 0),
            entry("2", "bowline.inventory.v1.StockReserved", "1", 12),
            TimelineEntry {
                attempts: 1,
                summary: "declined: expired card".to_owned(),
                ..entry("3", "bowline.payment.v1.PaymentDeclined", "2", 42)
            },
            entry("4", "bowline.orders.v1.OrderCancelled", "3", 50),
            entry("5", "bowline.inventory.v1.StockReleased", "a command", 57),
            entry("6", "bowline.orders.v1.OrderFinished", "5", 60),
        ]
    }

    /// Each step's name, depth and the milliseconds that it took.
    fn told(history: &History<'_>) -> Vec<(String, usize, Option<i64>)> {
        let took = |step: &Step<'_>| history.took(step).map(|took| took.num_milliseconds());
        history.steps.iter().map(|step| (step.name().to_owned(), step.depth, took(step))).collect()
    }

    #[test]
    fn every_step_stands_below_its_cause() {
        let entries = confirmed();
        let history = History::of(&entries).unwrap();
        let expected = [
            ("OrderPlaced", 0, None),
            ("StockReserved", 1, Some(12)),
            ("PaymentAuthorized", 2, Some(230)),
            ("OrderConfirmed", 3, Some(8)),
            ("StockCommitted", 4, Some(11)),
            ("PaymentCaptured", 4, Some(40)),
            ("OrderFinished", 5, Some(10)),
        ];
        assert_eq!(told(&history), expected.map(|(name, depth, took)| (name.to_owned(), depth, took)));
        assert_eq!(history.slowest().unwrap().name(), "PaymentAuthorized");
        assert!(history.is_finished());
    }

    #[test]
    fn what_a_command_has_undone_was_caused_by_the_cancellation() {
        let entries = declined();
        let history = History::of(&entries).unwrap();
        assert_eq!(told(&history)[4], ("StockReleased".to_owned(), 4, Some(7)));
        assert!(history.steps.iter().all(|step| !step.is_early));
    }

    #[test]
    fn a_cause_that_is_still_on_its_way_is_noticed() {
        let mut entries = confirmed();
        entries.remove(5);
        let history = History::of(&entries).unwrap();
        let early: Vec<&str> = history.steps.iter().filter(|step| step.is_early).map(Step::name).collect();
        assert_eq!(early, ["OrderFinished"]);
    }

    #[test]
    fn causes_in_a_circle_are_told_once() {
        let circle = [
            entry("1", "a.orders.A", "2", 1),
            entry("2", "a.orders.B", "1", 2),
            entry("3", "a.orders.C", "3", 3),
        ];
        let history = History::of(&circle).unwrap();
        assert_eq!(told(&history).len(), 3);
    }

    #[test]
    fn programs_get_the_same() {
        let entries = declined();
        let json =
            serde_json::to_value(History::of(&entries).unwrap().document(OrderId::new(uuid::Uuid::nil())));
        let json = json.unwrap();
        assert_eq!((&json["finished"], &json["slowest_event_id"]), (&true.into(), &"3".into()));
        assert_eq!(json["waits_for"], serde_json::json!([]));
        let released = &json["entries"][4];
        assert_eq!(released["type"], "bowline.inventory.v1.StockReleased");
        assert_eq!(
            (&released["cause_event_id"], &released["causation_id"]),
            (&"4".into(), &"a command".into())
        );
        assert_eq!((&released["offset_micros"], &released["took_micros"]), (&57_000.into(), &7_000.into()));
        assert_eq!(json["entries"][0]["took_micros"], serde_json::Value::Null);
    }
}
