//! Inventory has put back the units of an order whose capture failed.

use bowline_contracts::inventory::v1::StockRestocked;
use bowline_orders_domain::Command;
use chrono::{DateTime, Utc};

pub(super) fn command(event: &StockRestocked, at: DateTime<Utc>) -> Command {
    Command::StockRestocked { units: event.units, at }
}
