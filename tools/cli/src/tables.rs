//! Tables, and what stands in their cells.

use bowline_contracts::common::v1::Money;
use bowline_contracts::convert;
use chrono::SecondsFormat;
use comfy_table::{ContentArrangement, Table, presets};

/// What stands in a cell that has nothing to tell.
pub(crate) const NOTHING: &str = "–";

pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().copied());
    table
}

/// One without lines.
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
