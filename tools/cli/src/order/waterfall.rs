//! A history as people read it: a line for every step, drawn along the time.

use std::fmt::Write as _;

use bowline_kernel::OrderId;
use chrono::{DateTime, TimeDelta, Utc};
use comfy_table::{Attribute, Cell, CellAlignment, Color};

use super::history::{History, Step};
use super::wait::Wait;
use crate::tables::{fitted, table};

const BAR_LENGTH: i64 = 24;
const HEADER: [&str; 7] = ["at", "took", "calls", "service", "step", "", "says"];

/// The history of an order as it is known at `now`, for a terminal of that width or for none.
pub(super) fn text(
    order_id: OrderId,
    history: &History<'_>,
    now: DateTime<Utc>,
    width: Option<u16>,
) -> String {
    let last = history.last().map_or(now, |last| last.at);
    let whole = if history.is_finished() { last } else { now.max(last) } - history.start();
    let mut table = table(&HEADER);
    if let Some(width) = width {
        table.set_width(width);
    }
    for step in &history.steps {
        table.add_row(cells(history, step, whole));
    }
    for column in table.column_iter_mut().take(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    // What a step is called says whose it is, and the numbers say what the bars do.
    let has_repeats = history.steps.iter().any(|step| step.entry.attempts > 1);
    let spare = if has_repeats { &["", "service"][..] } else { &["", "service", "calls"] };
    let table = fitted(table, spare, "says");
    format!("order {order_id}\n{}\n{}", table.trim_fmt(), remarks(history, now, last - history.start()))
}

fn cells(history: &History<'_>, step: &Step<'_>, whole: TimeDelta) -> [Cell; 7] {
    let entry = step.entry;
    let indent = match step.depth {
        0 => String::new(),
        depth => format!("{}└ ", "  ".repeat(depth - 1)),
    };
    let mark = if entry.compensation { "↩ " } else { "" };
    let mut cells = [
        Cell::new(format!("+{}", span(step.at - history.start()))),
        Cell::new(history.took(step).map(span).unwrap_or_default()),
        Cell::new(if entry.attempts > 0 { entry.attempts.to_string() } else { String::new() }),
        Cell::new(&entry.service),
        Cell::new(format!("{indent}{mark}{}", step.name())),
        Cell::new(bar(history, step, whole)),
        Cell::new(&entry.summary),
    ];
    if entry.compensation {
        cells = cells.map(|cell| cell.fg(Color::Yellow));
    }
    if slowest(history).is_some_and(|slowest| std::ptr::eq(slowest, step)) {
        cells = cells.map(|cell| cell.add_attribute(Attribute::Bold));
    }
    cells
}

/// The slowest step, once it is known to be: what is waited for may become slower than all before it.
fn slowest<'h, 'a>(history: &'h History<'a>) -> Option<&'h Step<'a>> {
    history.slowest().filter(|_| history.is_finished())
}

/// The time from the cause of a step to it, within the whole time.
fn bar(history: &History<'_>, step: &Step<'_>, whole: TimeDelta) -> String {
    let whole = micros(whole).max(1);
    let place = |offset: TimeDelta| micros(offset).clamp(0, whole) * BAR_LENGTH / whole;
    let end = place(step.at - history.start()).min(BAR_LENGTH - 1);
    let begin = place(step.at - history.took(step).unwrap_or_default() - history.start()).min(end);
    let repeat = |text: &str, from: i64, to: i64| text.repeat(usize::try_from(to - from).unwrap_or_default());
    let fill = if step.entry.compensation { "▒" } else { "█" };
    format!("{}{}{}", repeat(" ", 0, begin), repeat(fill, begin, end + 1), repeat(" ", end + 1, BAR_LENGTH))
}

/// What is to be known beside the steps.
fn remarks(history: &History<'_>, now: DateTime<Utc>, told: TimeDelta) -> String {
    let mut text = String::new();
    let mut say = |line: String| writeln!(text, "{line}").expect("a String takes all text");
    if let Some(slowest) = slowest(history)
        && let Some((cause, took)) = slowest.cause.zip(history.took(slowest))
    {
        let cause = &history.steps[cause];
        let calls = match slowest.entry.attempts {
            0 | 1 => String::new(),
            calls => format!(", with {calls} calls of the provider"),
        };
        say(format!(
            "slowest: {} in {}, {} of {} (after {}){calls}",
            slowest.name(),
            slowest.entry.service,
            span(took),
            span(told),
            cause.name(),
        ));
    }
    if history.steps.iter().any(|step| step.entry.compensation) {
        say("↩ undoes what an earlier step has done".to_owned());
    }
    if let Some(Wait { services, since }) = history.wait() {
        let waiting = span((now - since.at).max(TimeDelta::zero()));
        let services = services.join(" and ");
        say(format!("not finished: it has waited for {services} for {waiting}, since {}", since.name()));
    }
    if history.steps.iter().any(|step| step.is_early) {
        say("a cause is still on its way to projection: ask again in a moment".to_owned());
    }
    text
}

/// A time for people: `0.4 ms`, `1.25 s`, `2m 3s`.
fn span(time: TimeDelta) -> String {
    let micros = micros(time);
    let (sign, micros) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    match micros {
        0..1_000_000 => format!("{sign}{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        1_000_000..60_000_000 => format!("{sign}{}.{:02} s", micros / 1_000_000, micros % 1_000_000 / 10_000),
        _ => {
            let seconds = std::time::Duration::from_secs(micros / 1_000_000);
            format!("{sign}{}", humantime::format_duration(seconds))
        }
    }
}

fn micros(time: TimeDelta) -> i64 {
    time.num_microseconds().unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use bowline_contracts::projection::v1::TimelineEntry;

    use super::*;
    use crate::order::history::tests::{confirmed, declined, entry};

    /// What is shown `millis` after the order was placed.
    fn shown(entries: &[TimelineEntry], millis: i64, width: Option<u16>) -> String {
        let now = DateTime::from_timestamp_millis(1_750_000_000_000 + millis).unwrap();
        text(OrderId::new(uuid::Uuid::nil()), &History::of(entries).unwrap(), now, width)
    }

    #[test]
    fn a_confirmed_order() {
        let expected = "\
order 00000000-0000-0000-0000-000000000000
        at      took  calls  service    step                                               says
   +0.0 ms                   orders     OrderPlaced              █
  +12.0 ms   12.0 ms         inventory  └ StockReserved          █
 +242.0 ms  230.0 ms      3  payment      └ PaymentAuthorized    ████████████████████
 +250.0 ms    8.0 ms         orders         └ OrderConfirmed                        ██
 +261.0 ms   11.0 ms         inventory        └ StockCommitted                       █
 +290.0 ms   40.0 ms      1  payment          └ PaymentCaptured                      ████
 +300.0 ms   10.0 ms         orders             └ OrderFinished                         █
slowest: PaymentAuthorized in payment, 230.0 ms of 300.0 ms (after StockReserved), with 3 calls of the provider
";
        assert_eq!(shown(&confirmed(), 9_000, None), expected);
    }

    #[test]
    fn a_declined_payment_and_what_was_undone() {
        let expected = "\
order 00000000-0000-0000-0000-000000000000
       at     took  calls  service    step                                               says
  +0.0 ms                  orders     OrderPlaced              █
 +12.0 ms  12.0 ms         inventory  └ StockReserved          █████
 +42.0 ms  30.0 ms      1  payment      └ PaymentDeclined          █████████████         declined: expired card
 +50.0 ms   8.0 ms         orders         └ ↩ OrderCancelled                   ▒▒▒▒▒
 +57.0 ms   7.0 ms         inventory        └ ↩ StockReleased                      ▒▒▒
 +60.0 ms   3.0 ms         orders             └ OrderFinished                        ██
slowest: PaymentDeclined in payment, 30.0 ms of 60.0 ms (after StockReserved)
↩ undoes what an earlier step has done
";
        assert_eq!(shown(&declined(), 9_000, None), expected);
    }

    #[test]
    fn an_order_that_still_runs() {
        let expected = "\
order 00000000-0000-0000-0000-000000000000
       at     took  calls  service    step                                       says
  +0.0 ms                  orders     OrderPlaced      █
 +12.0 ms  12.0 ms         inventory  └ StockReserved  █
not finished: it has waited for payment for 3.20 s, since StockReserved
";
        assert_eq!(shown(&confirmed()[..2], 3_212, None), expected);
    }

    #[test]
    fn a_narrow_terminal_gets_the_numbers_without_bars() {
        let told = shown(&declined(), 9_000, Some(80));
        assert!(told.contains("30.0 ms") && !told.contains('█'), "{told}");
        let widest = told.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= 80, "{widest}: {told}");
    }

    #[test]
    fn clocks_that_disagree_are_shown_as_they_are() {
        let entries =
            [entry("1", "a.orders.OrderPlaced", "", 5), entry("2", "a.inventory.StockReserved", "1", 3)];
        let told = shown(&entries, 10, None);
        assert!(told.contains("-2.0 ms"), "{told}");
    }

    #[test]
    fn times_have_the_digits_that_people_want() {
        let told = |micros| span(TimeDelta::microseconds(micros));
        assert_eq!([told(0), told(449), told(999_999)], ["0.0 ms", "0.4 ms", "999.9 ms"]);
        assert_eq!([told(1_256_000), told(59_999_999), told(123_456_789)], ["1.25 s", "59.99 s", "2m 3s"]);
    }
}
