//! The provider holds nothing for a cancelled order any more.

use bowline_contracts::payment::v1::PaymentVoided;
use bowline_orders_domain::Command;
use chrono::{DateTime, Utc};

/// An amount without a currency says that payment never knew one: there was nothing to void.
pub(super) fn command(event: &PaymentVoided, at: DateTime<Utc>) -> Result<Command, String> {
    let amount = match &event.amount {
        Some(money) if !money.currency_code.is_empty() => Some(super::amount(Some(money))?),
        Some(_) | None => None,
    };
    Ok(Command::PaymentVoided { amount, at })
}
