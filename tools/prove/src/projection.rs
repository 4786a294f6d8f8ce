//! The read model equals a fold of the published messages.

mod events;
mod rows;
mod topics;

pub(crate) use rows::check;
pub(crate) use topics::{Published, fold_messages, fold_topics};

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use bowline_projection_domain::{OrderLine, Patch};
use uuid::Uuid;

/// A row of an order, with a digest in the place of its lines: of large orders they would fill the memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Condensed {
    patch: Patch,
    lines: Option<u64>,
}

/// A set of ids, as its size and their sum: equal sets are equal, and sets that differ by accident are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct IdSet {
    count: u64,
    sum: u128,
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
