//! What orders and inventory say to payment.

use bowline_contracts::common::v1::Money;
use bowline_contracts::events::Published;
use bowline_contracts::{inventory, orders, payment};
use bowline_kernel::{IdSource as _, OrderId, SystemIds};
use bowline_messaging::Incoming;

/// An order that payment has not heard of.
pub(crate) fn new_order() -> OrderId {
    OrderId::new(SystemIds.next_id())
}

/// Every line is reserved: 12.34 GBP are to be paid with this token.
pub(crate) fn stock_reserved(order: OrderId, token: &str) -> Incoming {
    let event = inventory::v1::StockReserved {
        order_id: order.to_string(),
        lines: Vec::new(),
        total: Some(Money { currency_code: "GBP".into(), amount_minor: 1_234 }),
        payment_token: token.into(),
        reserved_time: None,
    };
    message(order, &event)
}

/// The order is confirmed.
pub(crate) fn order_confirmed(order: OrderId) -> Incoming {
    let order_id = order.to_string();
    message(order, &orders::v1::OrderConfirmed { order_id, ..Default::default() })
}

/// The order is given up.
pub(crate) fn void_payment(order: OrderId) -> Incoming {
    message(order, &payment::v1::VoidPayment { order_id: order.to_string() })
}

/// A message of a traced order, as its source sends it.
pub(crate) fn message<M: Published>(order: OrderId, message: &M) -> Incoming {
    let mut incoming = bowline_test_support::message(order, message);
    incoming.envelope.traceparent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into());
    incoming
}
