//! How long an order may stay pending.

use chrono::{DateTime, TimeDelta, Utc};

use crate::{State, StockStep};

/// The answer that a pending order waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Awaited {
    /// Inventory's.
    Stock,
    /// Payment's.
    Payment,
}

/// How long each step, and both together, may take. `None`: as long as it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeadlineLimits {
    /// Inventory's answer, from the placing on.
    pub stock: Option<TimeDelta>,
    /// Payment's answer, from the reservation on.
    pub payment: Option<TimeDelta>,
    /// The way to the order's end, from the placing on.
    pub saga: Option<TimeDelta>,
}

/// When an order has waited for long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    /// What it waits for.
    pub awaited: Awaited,
    /// Until when.
    pub due_at: DateTime<Utc>,
}

impl DeadlineLimits {
    /// The deadline of an order. Only a pending one has any: what follows its end is awaited until it is reported.
    ///
    /// A step that lasted longer than it may has waited for something that its deadline waited for as well; the order
    /// is not to pay for that in its next step, so the limit of the whole begins anew with it.
    pub fn deadline(&self, state: &State) -> Option<Deadline> {
        match state {
            State::Pending { order, stock: StockStep::Requested, .. } => {
                let due_at = self.stock_due_at(order.placed_at)?;
                Some(Deadline { awaited: Awaited::Stock, due_at })
            }
            State::Pending { order, stock: StockStep::Reserved, updated_at: reserved_at } => {
                let waited = self.stock_due_at(order.placed_at).is_some_and(|due_at| *reserved_at > due_at);
                let whole_from = if waited { *reserved_at } else { order.placed_at };
                let due_at = earlier(after(*reserved_at, self.payment), after(whole_from, self.saga))?;
                Some(Deadline { awaited: Awaited::Payment, due_at })
            }
            State::Unknown | State::Confirmed { .. } | State::Cancelled { .. } => None,
        }
    }

    fn stock_due_at(&self, placed_at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        earlier(after(placed_at, self.stock), after(placed_at, self.saga))
    }
}

fn after(from: DateTime<Utc>, limit: Option<TimeDelta>) -> Option<DateTime<Utc>> {
    from.checked_add_signed(limit?)
}

fn earlier(one: Option<DateTime<Utc>>, other: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    one.into_iter().chain(other).min()
}
