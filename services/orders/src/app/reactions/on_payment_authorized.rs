//! The provider holds the total: the order is confirmed.

use bowline_contracts::payment::v1::PaymentAuthorized;
use bowline_orders_domain::Command;
use chrono::{DateTime, Utc};

pub(super) fn command(event: &PaymentAuthorized, at: DateTime<Utc>) -> Result<Command, String> {
    Ok(Command::PaymentAuthorized { amount: super::amount(event.amount.as_ref())?, at })
}
