//! Inventory has sold the units of a confirmed order.

use bowline_contracts::inventory::v1::StockCommitted;
use bowline_orders_domain::Command;
use chrono::{DateTime, Utc};

pub(super) fn command(event: &StockCommitted, at: DateTime<Utc>) -> Command {
    Command::StockCommitted { units: event.units, at }
}
