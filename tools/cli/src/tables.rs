//! Tables, and what stands in their cells.

use bowline_contracts::common::v1::Money;
use bowline_contracts::convert;
use chrono::{DateTime, Datelike as _, SecondsFormat, Utc};
use comfy_table::{Attribute, Cell, ColumnConstraint, ContentArrangement, Table, presets};

/// What stands in a cell that has nothing to tell.
pub(crate) const NOTHING: &str = "–";
/// The least room for the column that may be broken into lines, if it needs as much: that of an id.
const TEXT_MIN: usize = 36;
/// What stands around the content of each cell.
const PADDING: usize = 2;

/// One with a header. It has no lines, so that a screen holds many rows.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = bare_table();
    table.set_header(header.iter().map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
    table
}

/// Makes a table fit its terminal: where that is too narrow, the columns of these headers are left out, the first one first,
/// until the others have room, and only the column `text` is broken into lines. Where there is no terminal nothing is left
/// out.
pub(crate) fn fitted(mut table: Table, spare: &[&str], text: &str) -> Table {
    let header = table.header().into_iter().flat_map(|header| header.cell_iter());
    let names: Vec<String> = header.map(Cell::content).collect();
    let place = |name: &&str| names.iter().position(|known| known == name);
    let mut widths: Vec<usize> = table.column_max_content_widths().into_iter().map(usize::from).collect();
    if let Some(width) = place(&text).and_then(|text| widths.get_mut(text)) {
        *width = TEXT_MIN.min(*width);
    }
    let room = table.width().map_or(usize::MAX, usize::from);
    let mut needed: usize = widths.iter().map(|width| width + PADDING).sum();
    let mut left_out = Vec::new();
    for column in spare.iter().filter_map(place) {
        if needed <= room {
            break;
        }
        needed -= widths[column] + PADDING;
        left_out.push(column);
    }
    for (place, column) in table.column_iter_mut().enumerate() {
        if left_out.contains(&place) {
            column.set_constraint(ColumnConstraint::Hidden);
        } else if names.get(place).is_none_or(|name| name != text) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table
}

/// A [`fitted`] table as it is printed.
pub(crate) fn listed(table: Table, spare: &[&str], text: &str) -> String {
    format!("{}\n", fitted(table, spare, text).trim_fmt())
}

/// One without a header.
pub(crate) fn bare_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// What is known of one thing: a name and a value on each line. What has no value is left out.
pub(crate) fn facts(facts: &[(&str, String)]) -> String {
    let mut table = bare_table();
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        table.add_row([*name, value]);
    }
    format!("{}\n", table.trim_fmt())
}

pub(crate) fn at(time: Option<&prost_types::Timestamp>) -> String {
    let time = time.and_then(|time| convert::time(*time));
    time.map_or_else(|| "unknown".to_owned(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// A time in a list, in UTC and as short as it can be: that of the day for today's, else with the date.
pub(crate) fn when(time: Option<&prost_types::Timestamp>, now: DateTime<Utc>) -> String {
    let Some(time) = time.and_then(|time| convert::time(*time)) else { return "unknown".to_owned() };
    let format = match (time.date_naive() == now.date_naive(), time.year() == now.year()) {
        (true, _) => "%H:%M:%S",
        (false, true) => "%m-%d %H:%M",
        (false, false) => "%Y-%m-%d",
    };
    time.format(format).to_string()
}

/// An amount, with as many digits as its currency has; nothing for none.
pub(crate) fn money(amount: Option<&Money>) -> String {
    let Some(amount) = amount else { return String::new() };
    let known = convert::amount(amount).map(|amount| amount.to_string());
    known.unwrap_or_else(|| format!("{} {}", amount.amount_minor, amount.currency_code))
}

/// A value of an enum of `proto/` in words: `PAYMENT_STATE_CAPTURE_FAILED` with the prefix `PAYMENT_STATE_` as
/// "capture failed"; nothing for the unspecified one.
pub(crate) fn words(name: &str, prefix: &str) -> String {
    match name.trim_start_matches(prefix) {
        "UNSPECIFIED" => String::new(),
        value => value.to_lowercase().replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use bowline_contracts::projection::v1::PaymentState;

    use super::*;

    /// What is printed of two orders on a terminal of that width.
    fn printed(width: u16) -> Vec<String> {
        let mut table = table(&["order", "units", "status"]);
        table.set_width(width);
        table.add_row([
            "0192f0c1-7e2a-7bbb-8ccc-0123456789ab",
            "5",
            "cancelled: the card has expired long ago",
        ]);
        let text = listed(table, &["units"], "status");
        text.lines().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn a_narrow_terminal_gets_fewer_columns_and_whole_ids() {
        let id = "0192f0c1-7e2a-7bbb-8ccc-0123456789ab";
        let wide = printed(120);
        assert!(wide[0].contains("units") && wide[1].ends_with(" long ago"), "{wide:?}");
        for width in [80, 60] {
            let narrow = printed(width);
            assert!(!narrow[0].contains("units") && narrow[1].contains(id), "{narrow:?}");
            assert!(narrow.iter().all(|line| line.chars().count() <= usize::from(width)), "{narrow:?}");
        }
    }

    #[test]
    fn a_time_in_a_list_is_short() {
        let now = DateTime::from_timestamp(1_750_000_000, 0).unwrap();
        let told = |seconds: i64| when(Some(&prost_types::Timestamp { seconds, nanos: 0 }), now);
        assert_eq!(told(1_750_000_000 - 60), "15:05:40");
        assert_eq!(told(1_750_000_000 - 86_400), "06-14 15:06");
        assert_eq!(told(0), "1970-01-01");
    }

    #[test]
    fn a_value_is_told_in_words() {
        let told = |state: PaymentState| words(state.as_str_name(), "PAYMENT_STATE_");
        assert_eq!(told(PaymentState::CaptureFailed), "capture failed");
        assert_eq!(told(PaymentState::Unspecified), "");
    }

    #[test]
    fn an_amount_has_the_digits_of_its_currency() {
        let money = |code: &str| money(Some(&Money { currency_code: code.to_owned(), amount_minor: 1_205 }));
        assert_eq!([money("GBP"), money("JPY"), money("?")], ["12.05 GBP", "1205 JPY", "1205 ?"]);
    }
}
