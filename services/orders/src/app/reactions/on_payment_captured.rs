//! The provider has taken the total of a confirmed order.

use bowline_contracts::payment::v1::PaymentCaptured;
use bowline_orders_domain::Command;
use chrono::{DateTime, Utc};

pub(super) fn command(event: &PaymentCaptured, at: DateTime<Utc>) -> Result<Command, String> {
    Ok(Command::PaymentCaptured { amount: super::amount(event.amount.as_ref())?, at })
}
