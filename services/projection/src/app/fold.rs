//! A batch of messages as what it sets in the read model.

use std::collections::BTreeMap;

use bowline_kernel::{EventId, OrderId};
use bowline_messaging::Incoming;
use bowline_projection_domain::{Envelope, Patch, TimelineEntry};
use uuid::Uuid;

use super::reactions::{Unreadable, public_event};

/// What the messages of a batch set.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// One patch per order, ascending by order: everyone locks rows in this order.
    pub(crate) orders: Vec<(OrderId, Patch)>,
    /// One entry per event.
    pub(crate) timeline: Vec<(OrderId, TimelineEntry)>,
}

/// What a message sets; `None` for a type that only a newer build knows.
pub(crate) fn effect(message: &Incoming) -> Result<Option<(Patch, TimelineEntry)>, Unreadable> {
    let event = public_event(message)?;
    Ok(event.map(|event| (Patch::from(&event), TimelineEntry::new(envelope(message), &event))))
}

impl Folded {
    /// Folds effects, which come in order within each lane.
    pub(crate) fn of(effects: Vec<(Uuid, (Patch, TimelineEntry))>) -> Self {
        let mut orders: BTreeMap<OrderId, Patch> = BTreeMap::new();
        let mut timeline = Vec::with_capacity(effects.len());
        for (key, (patch, entry)) in effects {
            let order = OrderId::new(key);
            let row = orders.entry(order).or_default();
            *row = std::mem::take(row).merge(patch);
            timeline.push((order, entry));
        }
        Self { orders: orders.into_iter().collect(), timeline }
    }
}

fn envelope(message: &Incoming) -> Envelope {
    Envelope {
        event_id: EventId::new(message.envelope.id),
        event_type: message.envelope.message_type.clone(),
        causation_id: message.envelope.causation.map(EventId::new),
    }
}
