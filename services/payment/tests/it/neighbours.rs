//! What orders and inventory say to payment.

use bowline_contracts::common::v1::Money;
use bowline_contracts::envelope::Envelope;
use bowline_contracts::events::Published;
use bowline_contracts::topics::PARTITIONS;
use bowline_contracts::{inventory, orders, partition, payment};
use bowline_kernel::{IdSource as _, OrderId, SystemIds};
use bowline_messaging::Incoming;
use chrono::DateTime;

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
    message(order, "inventory", &event)
}

/// The order is confirmed.
pub(crate) fn order_confirmed(order: OrderId) -> Incoming {
    let order_id = order.to_string();
    message(order, "orders", &orders::v1::OrderConfirmed { order_id, ..Default::default() })
}

/// The order is given up.
pub(crate) fn void_payment(order: OrderId) -> Incoming {
    message(order, "orders", &payment::v1::VoidPayment { order_id: order.to_string() })
}

/// A message as it is read from Kafka; its place in the lane is given when it is executed.
pub(crate) fn message<M: Published>(order: OrderId, source: &str, message: &M) -> Incoming {
    Incoming {
        input: 0,
        topic: M::topic(),
        partition: partition::of_key(order.uuid(), PARTITIONS),
        offset: 0,
        key: order.uuid(),
        envelope: Envelope {
            id: SystemIds.next_id(),
            source: source.into(),
            message_type: M::TYPE.into(),
            time: DateTime::UNIX_EPOCH,
            sequence: 0,
            incarnation: SystemIds.next_id(),
            causation: None,
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()),
        },
        payload: message.encode_to_vec().into(),
    }
}
