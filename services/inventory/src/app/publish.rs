//! The one bridge from what has become true to what is published.

use bowline_contracts::convert::timestamp;
use bowline_contracts::events::Published;
use bowline_contracts::inventory::v1::{
    SkuQuantity, StockCommitted, StockRejected, StockReleased, StockReserved, StockRestocked,
};
use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_inventory_domain::{Fact, Line, Shortage};
use bowline_messaging::{Incoming, Outgoing};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::reactions::Reaction;

/// The message that tells `fact`, to which `reaction` has led.
pub(crate) fn message(reaction: Reaction<'_>, fact: Fact, id: Uuid, now: DateTime<Utc>) -> Outgoing {
    let incoming = reaction.incoming;
    let order_id = reaction.order_id.to_string();
    let time = Some(timestamp(now));
    match fact {
        Fact::StockReserved { lines } => {
            let carried =
                reaction.carried.expect("only OrderPlaced reserves, and it carries what is repeated");
            let event = StockReserved {
                order_id,
                lines: lines.iter().map(reserved).collect(),
                total: Some(carried.total),
                payment_token: carried.payment_token,
                reserved_time: time,
            };
            outgoing(incoming, id, now, &event)
        }
        Fact::StockRejected { shortages } => {
            let shortages = shortages.iter().map(short).collect();
            outgoing(incoming, id, now, &StockRejected { order_id, shortages, rejected_time: time })
        }
        Fact::StockCommitted { units } => {
            outgoing(incoming, id, now, &StockCommitted { order_id, units, committed_time: time })
        }
        Fact::StockReleased { units } => {
            outgoing(incoming, id, now, &StockReleased { order_id, units, released_time: time })
        }
        Fact::StockRestocked { units } => {
            outgoing(incoming, id, now, &StockRestocked { order_id, units, restocked_time: time })
        }
    }
}

fn reserved(line: &Line) -> SkuQuantity {
    SkuQuantity { sku: line.sku.as_str().to_owned(), quantity: line.quantity.get() }
}

fn short(shortage: &Shortage) -> SkuQuantity {
    SkuQuantity { sku: shortage.sku.as_str().to_owned(), quantity: shortage.missing.get() }
}

fn outgoing<M: Published>(incoming: &Incoming, id: Uuid, now: DateTime<Utc>, event: &M) -> Outgoing {
    Outgoing {
        topic: M::topic(),
        key: incoming.key,
        partition: partition::of_key(incoming.key, PARTITIONS),
        id,
        message_type: M::TYPE,
        time: now,
        causation: Some(incoming.envelope.id),
        traceparent: incoming.envelope.traceparent.clone(),
        payload: event.encode_to_vec().into(),
    }
}
