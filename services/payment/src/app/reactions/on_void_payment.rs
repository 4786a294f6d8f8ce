//! `VoidPayment` → let go of whatever is held, once its outcome is known.

use bowline_payment_domain::Command;
use chrono::{DateTime, Utc};

pub(super) fn command(at: DateTime<Utc>) -> Command {
    Command::VoidPayment { at }
}
