//! What each service makes of a public message. The originals are `services/*/src/app/reactions/on_<message>.rs`.

use bowline_inventory_domain::Message as Inventory;
use bowline_kernel::OrderId;
use bowline_orders_domain::Command as Orders;
use bowline_payment_domain::Command as Payment;

use super::message::Message;
use super::world::AT;

/// The domain's words for a message, by service; `None` where it means nothing.
#[derive(Debug, Default)]
pub(crate) struct Reactions {
    pub(crate) orders: Option<Orders>,
    pub(crate) inventory: Option<Inventory>,
    pub(crate) payment: Option<Payment>,
}

impl From<Orders> for Reactions {
    fn from(command: Orders) -> Self {
        Self { orders: Some(command), ..Self::default() }
    }
}

impl From<Inventory> for Reactions {
    fn from(message: Inventory) -> Self {
        Self { inventory: Some(message), ..Self::default() }
    }
}

impl From<Payment> for Reactions {
    fn from(command: Payment) -> Self {
        Self { payment: Some(command), ..Self::default() }
    }
}

/// What `message` about the order `order_id` leads to.
pub(crate) fn reactions(order_id: OrderId, message: &Message) -> Reactions {
    let at = AT;
    match message {
        Message::OrderPlaced { lines, .. } => Inventory::OrderPlaced { lines: lines.clone() }.into(),
        Message::OrderConfirmed => Reactions {
            inventory: Some(Inventory::OrderConfirmed),
            payment: Some(Payment::OrderConfirmed { at }),
            ..Reactions::default()
        },
        Message::OrderCancelled | Message::OrderFinished => Reactions::default(),
        Message::ReleaseStock => Inventory::ReleaseStock.into(),
        Message::RestockOrder => Inventory::RestockOrder.into(),
        Message::VoidPayment => Payment::VoidPayment { at }.into(),
        Message::StockReserved { total, payment_token } => {
            let payment_token = payment_token.clone();
            let payment = Payment::StockReserved { order_id, total: *total, payment_token, at };
            Reactions { payment: Some(payment), ..Orders::StockReserved { at }.into() }
        }
        Message::StockRejected => Orders::StockRejected { at }.into(),
        &Message::StockCommitted { units } => Orders::StockCommitted { units, at }.into(),
        &Message::StockReleased { units } => Orders::StockReleased { units, at }.into(),
        &Message::StockRestocked { units } => Orders::StockRestocked { units, at }.into(),
        &Message::PaymentAuthorized { amount } => Orders::PaymentAuthorized { amount, at }.into(),
        Message::PaymentDeclined => Orders::PaymentDeclined { at }.into(),
        &Message::PaymentCaptured { amount } => Orders::PaymentCaptured { amount, at }.into(),
        Message::PaymentCaptureFailed => Orders::PaymentCaptureFailed { at }.into(),
        &Message::PaymentVoided { amount } => Orders::PaymentVoided { amount, at }.into(),
    }
}
