//! `RestockOrder`: put back whatever was sold or reserved.

use bowline_contracts::inventory::v1::RestockOrder;
use bowline_inventory_domain::Message;

pub(crate) fn on_restock_order(_command: &RestockOrder) -> Message {
    Message::RestockOrder
}
