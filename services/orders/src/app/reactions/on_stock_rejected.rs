//! Inventory could not reserve every line: the order is out of stock.

use bowline_contracts::inventory::v1::StockRejected;
use bowline_orders_domain::Command;
use chrono::{DateTime, Utc};

pub(super) fn command(_event: &StockRejected, at: DateTime<Utc>) -> Command {
    Command::StockRejected { at }
}
