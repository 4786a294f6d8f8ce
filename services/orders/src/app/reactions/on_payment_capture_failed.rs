//! The provider refused the capture for good: the order is cancelled and restocked.

use bowline_contracts::payment::v1::PaymentCaptureFailed;
use bowline_orders_domain::Command;
use chrono::{DateTime, Utc};

pub(super) fn command(_event: &PaymentCaptureFailed, at: DateTime<Utc>) -> Command {
    Command::PaymentCaptureFailed { at }
}
