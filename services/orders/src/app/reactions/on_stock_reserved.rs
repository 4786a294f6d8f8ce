//! Inventory has reserved every line: payment is next.

use bowline_contracts::inventory::v1::StockReserved;
use bowline_orders_domain::Command;
use chrono::{DateTime, Utc};

pub(super) fn command(_event: &StockReserved, at: DateTime<Utc>) -> Command {
    Command::StockReserved { at }
}
