//! Inventory holds nothing for a cancelled order any more.

use bowline_contracts::inventory::v1::StockReleased;
use bowline_orders_domain::Command;
use chrono::{DateTime, Utc};

pub(super) fn command(event: &StockReleased, at: DateTime<Utc>) -> Command {
    Command::StockReleased { units: event.units, at }
}
