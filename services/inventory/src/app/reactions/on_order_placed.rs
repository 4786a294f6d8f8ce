//! `OrderPlaced`: reserve every line, or say what was missing.

use bowline_contracts::common::v1::Money;
use bowline_contracts::convert::amount;
use bowline_contracts::orders::v1::{OrderLine, OrderPlaced};
use bowline_inventory_domain::{Line, Lines, Message};
use bowline_kernel::Quantity;

/// What `StockReserved` repeats for payment. Not `Debug`: the token is the customer's.
pub(crate) struct Carried {
    /// The order's total.
    pub(crate) total: Money,
    /// The payment method's token.
    pub(crate) payment_token: String,
}

/// Reads the lines; says why they are not those of an order.
pub(crate) fn on_order_placed(event: OrderPlaced) -> Result<(Message, Option<Carried>), String> {
    let total = event.total.ok_or("total is missing")?;
    amount(&total).ok_or("total has no currency of ISO 4217")?;
    let lines = event.lines.iter().enumerate().map(|(index, line)| read(index, line));
    let lines =
        Lines::new(lines.collect::<Result<Vec<_>, _>>()?).map_err(|error| format!("lines: {error}"))?;
    let carried = Carried { total, payment_token: event.payment_token };
    Ok((Message::OrderPlaced { lines }, Some(carried)))
}

fn read(index: usize, line: &OrderLine) -> Result<Line, String> {
    let sku = line.sku.parse().map_err(|error| format!("lines[{index}].sku {error}"))?;
    let quantity = Quantity::new(line.quantity).ok_or_else(|| format!("lines[{index}].quantity is 0"))?;
    Ok(Line { sku, quantity })
}
