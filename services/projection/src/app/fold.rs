//! A batch of messages as what it sets in the read model.

use std::collections::BTreeMap;

use bowline_kernel::{EventId, OrderId};
use bowline_messaging::{ExecuteError, Incoming};
use bowline_projection_domain::{Envelope, Patch, TimelineEntry};

use super::reactions::public_event;

/// What the messages of a batch set.
#[derive(Debug, Default)]
pub(crate) struct Folded {
    /// One patch per order, ascending by order: everyone locks rows in this order.
    pub(crate) orders: Vec<(OrderId, Patch)>,
    /// One entry per event.
    pub(crate) timeline: Vec<(OrderId, TimelineEntry)>,
}

impl Folded {
    /// Folds messages, which come in order within each lane. Messages of types that only a newer build knows set
    /// nothing.
    pub(crate) fn of<'a>(
        messages: impl Iterator<Item = (usize, &'a Incoming)>,
    ) -> Result<Self, ExecuteError> {
        let mut orders: BTreeMap<OrderId, Patch> = BTreeMap::new();
        let mut timeline = Vec::new();
        for (index, message) in messages {
            let event = public_event(message)
                .map_err(|error| ExecuteError::Poison { message: index, reason: error.to_string() })?;
            let Some(event) = event else { continue };
            let order = OrderId::new(message.key);
            let row = orders.entry(order).or_default();
            *row = std::mem::take(row).merge(Patch::from(&event));
            timeline.push((order, TimelineEntry::new(envelope(message), &event)));
        }
        Ok(Self { orders: orders.into_iter().collect(), timeline })
    }
}

fn envelope(message: &Incoming) -> Envelope {
    Envelope {
        event_id: EventId::new(message.envelope.id),
        event_type: message.envelope.message_type.clone(),
        causation_id: message.envelope.causation.map(EventId::new),
    }
}
