//! `OrderConfirmed`: what is reserved is sold.

use bowline_contracts::orders::v1::OrderConfirmed;
use bowline_inventory_domain::Message;

pub(crate) fn on_order_confirmed(_event: &OrderConfirmed) -> Message {
    Message::OrderConfirmed
}
