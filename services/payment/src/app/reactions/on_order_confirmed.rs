//! `OrderConfirmed` → have the authorised total captured.

use bowline_payment_domain::Command;
use chrono::{DateTime, Utc};

pub(super) fn command(at: DateTime<Utc>) -> Command {
    Command::OrderConfirmed { at }
}
