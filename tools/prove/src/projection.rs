//! The read model equals a fold of the published messages.

mod events;
mod rows;

pub(crate) use rows::check;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bowline_contracts::topics::{INVENTORY_EVENTS, ORDERS_EVENTS, PAYMENT_EVENTS, Topic};
use bowline_messaging::tail::Message;
use bowline_projection_domain::{OrderLine, Patch};
use uuid::Uuid;

use crate::topics::Fold;

/// The topics that read models are computed from.
pub(crate) static EVENTS: [&Topic; 3] = [&ORDERS_EVENTS, &INVENTORY_EVENTS, &PAYMENT_EVENTS];

/// What the events say of the orders.
#[derive(Default)]
pub(crate) struct Told(HashMap<Uuid, View>);

/// What they say of one order.
#[derive(Debug, Clone, Default)]
struct View {
    row: Condensed,
    events: IdSet,
}

/// A row of an order, with a digest in the place of its lines: of large orders they would fill the memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Condensed {
    patch: Patch,
    lines: Option<u64>,
}

/// A set of ids, as its size and their sum: equal sets are equal, and sets that differ by accident are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct IdSet {
    count: u64,
    sum: u128,
}

impl Fold for Told {
    fn fold(&mut self, message: &Message) -> Result<(), String> {
        if let Some(event) = events::read(message)? {
            let view = self.0.entry(message.key).or_default();
            view.row = std::mem::take(&mut view.row).merge(Condensed::new(Patch::from(&event)));
            view.events.add(message.envelope.id);
        }
        Ok(())
    }
}

impl Condensed {
    fn new(mut patch: Patch) -> Self {
        let lines = patch.orders.lines.take().map(|lines| digest(&lines));
        Self { patch, lines }
    }

    fn merge(self, later: Self) -> Self {
        Self { patch: self.patch.merge(later.patch), lines: later.lines.or(self.lines) }
    }
}

impl IdSet {
    fn add(&mut self, id: Uuid) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(id.as_u128());
    }
}

fn digest(lines: &[OrderLine]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for line in lines {
        line.sku.as_str().hash(&mut hasher);
        line.name.hash(&mut hasher);
        line.quantity.get().hash(&mut hasher);
        (line.unit_price.minor, line.unit_price.currency.code()).hash(&mut hasher);
    }
    lines.len().hash(&mut hasher);
    hasher.finish()
}
