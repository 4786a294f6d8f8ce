//! The report for people.

use std::fmt::Write as _;

use bowline_kernel::{Currency, Money as Amount};
use comfy_table::{CellAlignment, Table, presets};

use super::{Cancelled, Orders, Report};

/// Draws the report as text that ends with a line break.
pub(super) fn of(report: &Report) -> String {
    let mut text = String::new();
    section(&mut text, "Orders", &orders(report));
    section(&mut text, "Money and stock", &money(report));
    section(&mut text, "Speed", &speed(report));
    section(&mut text, "Invariants", &invariants(report));
    if report.restarts.values().any(|&count| count > 0) {
        section(&mut text, "Restarts", &restarts(report));
    }
    text
}

fn section(text: &mut String, title: &str, table: &Table) {
    writeln!(text, "{title}\n{table}\n").expect("a String takes all text");
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// A table of names and right-aligned values.
fn values(rows: impl IntoIterator<Item = (String, String)>) -> Table {
    let mut table = table();
    for (name, value) in rows {
        table.add_row([name, value]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn orders(report: &Report) -> Table {
    let Orders { read, placed, confirmed, cancelled, rejected, unfinished } = &report.orders;
    let Cancelled { out_of_stock, payment_declined, customer, capture_failed, deadline } = cancelled;
    let skipped = report.rows.skipped;
    let mut rows = vec![
        ("rows in the file".to_owned(), grouped(report.rows.read)),
        ("  not sales: cancellations".to_owned(), grouped(skipped.cancellations)),
        ("  not sales: quantity not positive".to_owned(), grouped(skipped.quantity_not_positive)),
        ("  not sales: price not positive".to_owned(), grouped(skipped.price_not_positive)),
        ("orders read".to_owned(), grouped(*read)),
        ("placed".to_owned(), grouped(*placed)),
        ("  confirmed".to_owned(), grouped(*confirmed)),
        ("  cancelled: out of stock".to_owned(), grouped(*out_of_stock)),
        ("  cancelled: payment declined".to_owned(), grouped(*payment_declined)),
        ("  cancelled: by the customer".to_owned(), grouped(*customer)),
        ("  cancelled: capture failed".to_owned(), grouped(*capture_failed)),
    ];
    if *deadline > 0 {
        rows.push(("  cancelled: deadline passed".to_owned(), grouped(*deadline)));
    }
    rows.push(("rejected".to_owned(), grouped(rejected.values().sum())));
    rows.extend(rejected.iter().map(|(reason, count)| (format!("  {reason}"), grouped(*count))));
    rows.push(("unfinished".to_owned(), grouped(*unfinished)));
    values(rows)
}

fn money(report: &Report) -> Table {
    let money = &report.money;
    let amount = |minor| match Currency::from_code(&money.currency) {
        Some(currency) => Amount::new(minor, currency).to_string(),
        None => format!("{minor} {}", money.currency),
    };
    values([
        ("confirmed".to_owned(), amount(money.confirmed_minor)),
        ("authorised".to_owned(), amount(money.authorized_minor)),
        ("captured".to_owned(), amount(money.captured_minor)),
        ("voided".to_owned(), amount(money.voided_minor)),
        ("units sold".to_owned(), grouped(report.units_sold.unsigned_abs())),
    ])
}

fn speed(report: &Report) -> Table {
    let latency = report.placed_to_confirmed_ms;
    values([
        ("finished sagas a second".to_owned(), format!("{:.0}", report.sagas_per_second)),
        ("placed → confirmed, p50".to_owned(), format!("{:.1} ms", latency.p50)),
        ("placed → confirmed, p99".to_owned(), format!("{:.1} ms", latency.p99)),
    ])
}

fn invariants(report: &Report) -> Table {
    let mut table = table();
    table.set_header(["", "invariant", "checked", "violations"]);
    for invariant in &report.invariants {
        let mark = match (invariant.violations, invariant.checked) {
            (0, 0) => "–",
            (0, _) => "✓",
            _ => "✗",
        };
        table.add_row([
            mark.to_owned(),
            invariant.name.clone(),
            grouped(invariant.checked),
            grouped(invariant.violations),
        ]);
    }
    for index in 2..4 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn restarts(report: &Report) -> Table {
    values(
        report.restarts.iter().filter(|&(_, &count)| count > 0).map(|(name, &n)| (name.clone(), grouped(n))),
    )
}

/// `1234567` as `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
