//! The registry of message types: which protobuf message travels on which topic under which name.

use bowline_kernel::{InvalidId, OrderId};
use prost::Message;
use uuid::Uuid;

use crate::topics::{self, Topic};
use crate::{inventory, orders, payment};

/// A protobuf message that travels on a topic.
pub trait Published: Message + Default {
    /// The protobuf full name, which is the CloudEvents type.
    const TYPE: &'static str;

    /// The topic it travels on.
    fn topic() -> &'static Topic;
}

/// Why a message cannot be read, now or later.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Unreadable {
    /// The bytes are no message of the type that the envelope names.
    #[error("its payload is no {message_type}: {source}")]
    Payload {
        /// The type that was named.
        message_type: &'static str,
        /// What is wrong with the bytes.
        #[source]
        source: prost::DecodeError,
    },
    /// What stands in place of the order is no id. It is not repeated: it may be anything.
    #[error("order_id {0}")]
    NoOrder(InvalidId),
    /// Key and payload do not agree, so the message is on a lane that is not its own.
    #[error("its key is {key}, but it is about order {named}")]
    OtherOrder {
        /// The key.
        key: Uuid,
        /// The order in the payload.
        named: OrderId,
    },
}

/// Lists, per topic, the messages that travel on it; makes an enum of a topic's messages with decoding by type.
macro_rules! registry {
    ($($(#[$doc:meta])* $name:ident on $topic:ident { $($variant:ident: $message:path = $type:literal,)+ })+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq)]
            pub enum $name {
                $(#[doc = concat!("`", $type, "`")] $variant($message),)+
            }

            impl $name {
                /// Reads a message of this topic; `None` for a type that this build does not know.
                pub fn decode(message_type: &str, payload: &[u8]) -> Option<Result<Self, prost::DecodeError>> {
                    match message_type {
                        $($type => Some(<$message>::decode(payload).map(Self::$variant)),)+
                        _ => None,
                    }
                }

                /// Reads a message that came under `key`, which must be the order that it is about; `None` for a type that
                /// this build does not know, which comes from a newer sender.
                pub fn read(key: Uuid, message_type: &str, payload: &[u8]) -> Result<Option<Self>, Unreadable> {
                    let read = match message_type {
                        $($type => <$message>::decode(payload).map(Self::$variant)
                            .map_err(|source| Unreadable::Payload { message_type: $type, source })?,)+
                        _ => return Ok(None),
                    };
                    check_key(key, read.order_id())?;
                    Ok(Some(read))
                }

                /// The order that the message is about, as it stands in the message.
                pub fn order_id(&self) -> &str {
                    match self {
                        $(Self::$variant(message) => &message.order_id,)+
                    }
                }
            }

            $(impl Published for $message {
                const TYPE: &'static str = $type;

                fn topic() -> &'static Topic {
                    &topics::$topic
                }
            })+
        )+

        /// Every message type with the topic it travels on.
        pub static ALL: &[(&str, &Topic)] = &[$($(($type, &topics::$topic),)+)+];
    };
}

registry! {
    /// What happened to orders.
    OrdersEvent on ORDERS_EVENTS {
        Placed: orders::v1::OrderPlaced = "bowline.orders.v1.OrderPlaced",
        Confirmed: orders::v1::OrderConfirmed = "bowline.orders.v1.OrderConfirmed",
        Cancelled: orders::v1::OrderCancelled = "bowline.orders.v1.OrderCancelled",
        Finished: orders::v1::OrderFinished = "bowline.orders.v1.OrderFinished",
    }
    /// What happened to stock.
    InventoryEvent on INVENTORY_EVENTS {
        Reserved: inventory::v1::StockReserved = "bowline.inventory.v1.StockReserved",
        Rejected: inventory::v1::StockRejected = "bowline.inventory.v1.StockRejected",
        Committed: inventory::v1::StockCommitted = "bowline.inventory.v1.StockCommitted",
        Released: inventory::v1::StockReleased = "bowline.inventory.v1.StockReleased",
        Restocked: inventory::v1::StockRestocked = "bowline.inventory.v1.StockRestocked",
    }
    /// What happened to payments.
    PaymentEvent on PAYMENT_EVENTS {
        Authorized: payment::v1::PaymentAuthorized = "bowline.payment.v1.PaymentAuthorized",
        Declined: payment::v1::PaymentDeclined = "bowline.payment.v1.PaymentDeclined",
        Captured: payment::v1::PaymentCaptured = "bowline.payment.v1.PaymentCaptured",
        CaptureFailed: payment::v1::PaymentCaptureFailed = "bowline.payment.v1.PaymentCaptureFailed",
        Voided: payment::v1::PaymentVoided = "bowline.payment.v1.PaymentVoided",
    }
    /// What inventory is asked to undo.
    InventoryCommand on INVENTORY_COMMANDS {
        Release: inventory::v1::ReleaseStock = "bowline.inventory.v1.ReleaseStock",
        Restock: inventory::v1::RestockOrder = "bowline.inventory.v1.RestockOrder",
    }
    /// What payment is asked to undo.
    PaymentCommand on PAYMENT_COMMANDS {
        Void: payment::v1::VoidPayment = "bowline.payment.v1.VoidPayment",
    }
}

fn check_key(key: Uuid, order_id: &str) -> Result<(), Unreadable> {
    let named: OrderId = order_id.parse().map_err(Unreadable::NoOrder)?;
    if named.uuid() == key { Ok(()) } else { Err(Unreadable::OtherOrder { key, named }) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_type_is_listed_once_and_begins_with_the_package_of_its_owner() {
        let mut seen = HashSet::new();
        for (message_type, topic) in ALL {
            assert!(seen.insert(message_type), "{message_type} is listed twice");
            let package = format!("bowline.{}.v1.", topic.owner);
            assert!(message_type.starts_with(&package), "{message_type} does not belong to {}", topic.name);
        }
    }

    #[test]
    fn a_message_is_decoded_by_its_type() {
        let placed = orders::v1::OrderPlaced { order_id: "o".into(), ..Default::default() };
        let decoded = OrdersEvent::decode(orders::v1::OrderPlaced::TYPE, &placed.encode_to_vec());
        assert_eq!(decoded, Some(Ok(OrdersEvent::Placed(placed))));
        assert_eq!(OrdersEvent::decode("bowline.orders.v1.OrderFramed", &[]), None);
    }

    #[test]
    fn a_message_is_read_under_the_key_of_its_order() {
        let (key, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
        let placed = orders::v1::OrderPlaced { order_id: key.to_string(), ..Default::default() };
        let (of_type, payload) = (orders::v1::OrderPlaced::TYPE, placed.encode_to_vec());
        assert_eq!(OrdersEvent::read(key, of_type, &payload), Ok(Some(OrdersEvent::Placed(placed))));
        assert_eq!(OrdersEvent::read(key, "bowline.orders.v1.OrderFramed", &payload), Ok(None));
        let named = OrderId::new(key);
        let elsewhere = Err(Unreadable::OtherOrder { key: other, named });
        assert_eq!(OrdersEvent::read(other, of_type, &payload), elsewhere);
        let nameless = orders::v1::OrderPlaced { order_id: "tok_secret".into(), ..Default::default() };
        let reason =
            OrdersEvent::read(key, of_type, &nameless.encode_to_vec()).expect_err("no id").to_string();
        assert_eq!(reason, "order_id must be a hyphenated UUID");
        let reason = OrdersEvent::read(key, of_type, &[0xff]).expect_err("no protobuf").to_string();
        assert!(reason.starts_with("its payload is no bowline.orders.v1.OrderPlaced: "), "{reason}");
    }
}
