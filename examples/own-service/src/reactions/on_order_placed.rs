//! `OrderPlaced`: points are promised, one for every 100 minor units of the total.

use bowline_contracts::convert;
use bowline_contracts::orders::v1::OrderPlaced;

use crate::points::{Points, Step};

pub(super) fn points(event: &OrderPlaced) -> Result<Points, String> {
    let customer = event.customer_id.parse().map_err(|fault| format!("customer_id {fault}"))?;
    let total = event.total.as_ref().and_then(convert::amount).filter(|total| total.minor >= 0);
    let total = total.ok_or("total must be an amount of zero or more in a currency of ISO 4217")?;
    Ok(Points { worth: Some((customer, total.minor / 100)), step: Step::Pending })
}
