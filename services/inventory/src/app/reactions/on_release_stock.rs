//! `ReleaseStock`: give back whatever is reserved, and never reserve for the order again.

use bowline_contracts::inventory::v1::ReleaseStock;
use bowline_inventory_domain::Message;

pub(crate) fn on_release_stock(_command: &ReleaseStock) -> Message {
    Message::ReleaseStock
}
