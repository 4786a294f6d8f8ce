//! Messages as they are read from Kafka.

use bowline_contracts::envelope::Envelope;
use bowline_contracts::events::Published;
use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_kernel::{IdSource as _, OrderId, SystemIds};
use bowline_messaging::Incoming;
use chrono::DateTime;
use uuid::Uuid;

/// A message about `order` as its source sends it. Its place in the lane is given by the batch that it comes in, or by
/// the [`crate::Speaker`] that says it.
pub fn message<M: Published>(order: OrderId, message: &M) -> Incoming {
    let topic = M::topic();
    Incoming {
        input: 0,
        topic,
        partition: partition::of_key(order.uuid(), PARTITIONS),
        offset: 0,
        key: order.uuid(),
        envelope: Envelope {
            id: SystemIds.next_id(),
            source: topic.sources[0].to_owned(),
            message_type: M::TYPE.to_owned(),
            time: DateTime::UNIX_EPOCH,
            sequence: 0,
            incarnation: Uuid::from_u128(1),
            causation: None,
            traceparent: None,
        },
        payload: message.encode_to_vec().into(),
    }
}
