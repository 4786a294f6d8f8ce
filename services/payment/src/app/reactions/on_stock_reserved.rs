//! `StockReserved` → have the order's total authorised.

use bowline_contracts::convert;
use bowline_contracts::inventory::v1::StockReserved;
use bowline_kernel::OrderId;
use bowline_payment_domain::Command;
use chrono::{DateTime, Utc};

pub(super) fn command(
    event: &StockReserved,
    order_id: OrderId,
    at: DateTime<Utc>,
) -> Result<Command, String> {
    let total = event.total.as_ref().and_then(convert::amount).filter(|total| total.minor > 0);
    let total = total.ok_or("total must be an amount above zero in a currency of ISO 4217")?;
    let payment_token = event.payment_token.parse().map_err(|fault| format!("payment_token {fault}"))?;
    Ok(Command::StockReserved { order_id, total, payment_token, at })
}
