//! Tables, and what stands in their cells.

use bowline_contracts::convert;
use chrono::SecondsFormat;
use comfy_table::{ContentArrangement, Table, presets};

pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().copied());
    table
}

pub(crate) fn at(time: Option<&prost_types::Timestamp>) -> String {
    let time = time.and_then(|time| convert::time(*time));
    time.map_or_else(|| "unknown".to_owned(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
}
