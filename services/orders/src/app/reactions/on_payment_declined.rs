//! The provider declined: the order is cancelled and its stock released.

use bowline_contracts::payment::v1::PaymentDeclined;
use bowline_orders_domain::Command;
use chrono::{DateTime, Utc};

pub(super) fn command(_event: &PaymentDeclined, at: DateTime<Utc>) -> Command {
    Command::PaymentDeclined { at }
}
