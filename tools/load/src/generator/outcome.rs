//! What came of a replay.

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_kernel::OrderId;
use hdrhistogram::Histogram;

use super::answers::{CancelAnswer, Rejection};
use super::events::{CancelReason, EndState};

/// What came of a replay.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Every order, in the sequence of the plan.
    pub orders: Vec<OrderOutcome>,
    /// From the first PlaceOrder to the last saga finished; zero when none was.
    pub duration: Duration,
    /// Placed to confirmed in microseconds, by orders' clock, of every order that was ever confirmed.
    pub placed_to_confirmed_us: Histogram<u64>,
    /// How often a call was sent again.
    pub resent: u64,
}

/// What came of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderOutcome {
    /// Where it stands.
    pub state: OrderState,
    /// Its id, once accepted.
    pub order_id: Option<OrderId>,
    /// What the service says that it amounts to, in minor units.
    pub total_minor: i64,
    /// The currency of the total.
    pub currency_code: String,
    /// The units that the service says it has.
    pub units: u64,
    /// What came of cancelling it.
    pub cancel: CancelAnswer,
    /// True once its confirmation was heard of.
    pub confirmation_seen: bool,
    /// How many events told another end state than the first one.
    pub contradictions: u32,
}

/// Where an order stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderState {
    /// PlaceOrder was not sent.
    NotSent,
    /// PlaceOrder was sent; there is no certain answer yet.
    Sent,
    /// Accepted; its saga goes on.
    Placed,
    /// Its saga is finished.
    Finished(EndState),
    /// Refused.
    Rejected(Rejection),
}

impl Outcome {
    /// Orders that were accepted.
    pub fn placed(&self) -> u64 {
        self.count(|order| order.order_id.is_some())
    }

    /// Orders that ended confirmed.
    pub fn confirmed(&self) -> u64 {
        self.count(|order| order.state == OrderState::Finished(EndState::Confirmed))
    }

    /// Orders that ended cancelled, for one reason.
    pub fn cancelled(&self, reason: CancelReason) -> u64 {
        self.count(|order| order.state == OrderState::Finished(EndState::Cancelled(reason)))
    }

    /// Orders that ended in either way.
    pub fn finished(&self) -> u64 {
        self.count(|order| matches!(order.state, OrderState::Finished(_)))
    }

    /// Orders that are neither finished nor refused, those never sent included.
    pub fn unfinished(&self) -> u64 {
        self.count(|order| !matches!(order.state, OrderState::Finished(_) | OrderState::Rejected(_)))
    }

    /// Refused orders by reason.
    pub fn rejected(&self) -> BTreeMap<String, u64> {
        let mut rejected = BTreeMap::new();
        for order in &self.orders {
            if let OrderState::Rejected(rejection) = &order.state {
                *rejected.entry(rejection.reason.clone()).or_default() += 1;
            }
        }
        rejected
    }

    /// What the confirmed orders amount to, as the service says, in minor units.
    pub fn confirmed_minor(&self) -> i64 {
        self.confirmed_orders().map(|order| order.total_minor).sum()
    }

    /// The units of the confirmed orders, as the service says.
    pub fn confirmed_units(&self) -> u64 {
        self.confirmed_orders().map(|order| order.units).sum()
    }

    /// Finished sagas a second, from the first PlaceOrder to the last saga finished; 0 when none was.
    #[expect(clippy::cast_precision_loss, reason = "a count of orders is far below 2^52")]
    pub fn sagas_per_second(&self) -> f64 {
        if self.duration.is_zero() { 0.0 } else { self.finished() as f64 / self.duration.as_secs_f64() }
    }

    fn confirmed_orders(&self) -> impl Iterator<Item = &OrderOutcome> {
        self.orders.iter().filter(|order| order.state == OrderState::Finished(EndState::Confirmed))
    }

    fn count(&self, is: impl Fn(&OrderOutcome) -> bool) -> u64 {
        self.orders.iter().map(|order| u64::from(is(order))).sum()
    }
}
