//! The public messages of the saga, the lanes that they travel on, and what orders and payment make of them.

use bowline_kernel::Money;
use bowline_orders_domain as orders;
use bowline_payment_domain as payment;

use crate::given::{TOTAL, at, order_id, token};

/// The units of the order.
pub(crate) const UNITS: u64 = 3;

/// A public message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    OrderPlaced,
    OrderConfirmed,
    ReleaseStock,
    RestockOrder,
    VoidPayment,
    StockReserved,
    StockRejected,
    StockCommitted,
    StockReleased(u64),
    StockRestocked(u64),
    PaymentAuthorized(Money),
    PaymentDeclined,
    PaymentCaptured(Money),
    PaymentCaptureFailed,
    PaymentVoided(Option<Money>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    OrdersEvents,
    InventoryEvents,
    InventoryCommands,
    PaymentEvents,
    PaymentCommands,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consumer {
    Orders,
    Inventory,
    Payment,
}

/// A topic as one consumer sees it; the consumers of a topic move independently.
pub(crate) type Lane = (Topic, Consumer);

pub(crate) const LANES: [Lane; 7] = [
    (Topic::OrdersEvents, Consumer::Inventory),
    (Topic::OrdersEvents, Consumer::Payment),
    (Topic::InventoryCommands, Consumer::Inventory),
    (Topic::PaymentCommands, Consumer::Payment),
    (Topic::InventoryEvents, Consumer::Orders),
    (Topic::InventoryEvents, Consumer::Payment),
    (Topic::PaymentEvents, Consumer::Orders),
];

/// What payment makes of a message; `None` for those that do not concern it.
pub(crate) fn for_payment(message: Message) -> Option<payment::Command> {
    let at = at();
    match message {
        Message::StockReserved => Some(payment::Command::StockReserved {
            order_id: order_id(),
            total: TOTAL,
            payment_token: token(),
            at,
        }),
        Message::OrderConfirmed => Some(payment::Command::OrderConfirmed { at }),
        Message::VoidPayment => Some(payment::Command::VoidPayment { at }),
        Message::OrderPlaced
        | Message::StockRejected
        | Message::StockCommitted
        | Message::StockReleased(_)
        | Message::StockRestocked(_) => None,
        Message::ReleaseStock
        | Message::RestockOrder
        | Message::PaymentAuthorized(_)
        | Message::PaymentDeclined
        | Message::PaymentCaptured(_)
        | Message::PaymentCaptureFailed
        | Message::PaymentVoided(_) => panic!("{message:?} does not come to payment"),
    }
}

/// What orders makes of a message.
pub(crate) fn for_orders(message: Message) -> orders::Command {
    let at = at();
    match message {
        Message::StockReserved => orders::Command::StockReserved { at },
        Message::StockRejected => orders::Command::StockRejected { at },
        Message::StockCommitted => orders::Command::StockCommitted { units: UNITS, at },
        Message::StockReleased(units) => orders::Command::StockReleased { units, at },
        Message::StockRestocked(units) => orders::Command::StockRestocked { units, at },
        Message::PaymentAuthorized(amount) => orders::Command::PaymentAuthorized { amount, at },
        Message::PaymentDeclined => orders::Command::PaymentDeclined { at },
        Message::PaymentCaptured(amount) => orders::Command::PaymentCaptured { amount, at },
        Message::PaymentCaptureFailed => orders::Command::PaymentCaptureFailed { at },
        Message::PaymentVoided(amount) => orders::Command::PaymentVoided { amount, at },
        Message::OrderPlaced
        | Message::OrderConfirmed
        | Message::ReleaseStock
        | Message::RestockOrder
        | Message::VoidPayment => panic!("{message:?} does not come to orders"),
    }
}
