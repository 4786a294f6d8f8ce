//! Which orders are in flight, and what is known about each: answers and events in any order, events repeatedly.

use std::collections::HashMap;
use std::time::Duration;

use bowline_kernel::OrderId;
use hdrhistogram::Histogram;

use super::answers::{Answer, CancelAnswer};
use super::events::{EndState, SagaEvent, SagaEventKind};
use super::outcome::{OrderOutcome, OrderState, Outcome};
use super::progress::{Progress, add_one};

/// The longest latency that the histogram tells apart: one hour, in microseconds.
const LATENCY_US_MAX: u64 = 3_600_000_000;

/// What is known of an order that was not placed.
const NOT_SENT: OrderOutcome = OrderOutcome {
    state: OrderState::NotSent,
    order_id: None,
    total_minor: 0,
    currency_code: String::new(),
    units: 0,
    cancel: CancelAnswer::NotAsked,
    confirmation_seen: false,
    contradictions: 0,
};

/// The state of a replay. An order is in flight from its sending until it is refused, or accepted and finished.
#[derive(Debug)]
pub(super) struct Tracker<'p> {
    orders: Vec<OrderOutcome>,
    index_by_id: HashMap<OrderId, usize>,
    /// Events of orders whose id is not known: their answer is on its way, or they are not ours.
    early: HashMap<OrderId, Vec<SagaEvent>>,
    unanswered: usize,
    in_flight: usize,
    done: usize,
    latencies_us: Histogram<u64>,
    progress: &'p Progress,
}

impl<'p> Tracker<'p> {
    pub(super) fn new(progress: &'p Progress) -> Self {
        Self {
            orders: Vec::new(),
            index_by_id: HashMap::new(),
            early: HashMap::new(),
            unanswered: 0,
            in_flight: 0,
            done: 0,
            latencies_us: Histogram::new_with_bounds(1, LATENCY_US_MAX, 3)
                .expect("1 < 2 * 1 <= the highest value, and 3 digits are allowed"),
            progress,
        }
    }

    /// How many orders are in flight.
    pub(super) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// True when nothing more will happen to any order that was placed.
    pub(super) fn all_done(&self) -> bool {
        self.done == self.orders.len()
    }

    /// Notes orders that were not placed, so that there are `count`.
    pub(super) fn not_sent_up_to(&mut self, count: usize) {
        self.orders.resize(count.max(self.orders.len()), NOT_SENT);
    }

    /// Every order that was placed, as far as known, in the sequence of the plan.
    pub(super) fn orders(&self) -> &[OrderOutcome] {
        &self.orders
    }

    /// The next order is being placed; orders are placed in the sequence of the plan.
    pub(super) fn sent(&mut self, index: usize) {
        debug_assert_eq!(index, self.orders.len(), "an order is placed once, and after the one before it");
        self.orders.push(OrderOutcome { state: OrderState::Sent, ..NOT_SENT });
        self.unanswered += 1;
        self.in_flight += 1;
        add_one(&self.progress.sent);
    }

    /// Order `index` has its answers. True when that finished its saga as far as this tracker knows.
    pub(super) fn answered(&mut self, index: usize, answer: Answer) -> bool {
        debug_assert_eq!(self.orders[index].state, OrderState::Sent, "an order is answered once");
        self.unanswered -= 1;
        let order = &mut self.orders[index];
        let mut finished = false;
        match answer {
            Answer::Rejected(rejection) => {
                order.state = OrderState::Rejected(rejection);
                add_one(&self.progress.rejected);
                self.settle();
            }
            Answer::Placed { order_id, total_minor, currency_code, units, cancel } => {
                order.state = OrderState::Placed;
                order.order_id = Some(order_id);
                order.total_minor = total_minor;
                order.currency_code = currency_code;
                order.units = units;
                order.cancel = cancel;
                add_one(&self.progress.placed);
                self.index_by_id.insert(order_id, index);
                for event in self.early.remove(&order_id).unwrap_or_default() {
                    finished |= self.happened(event);
                }
            }
        }
        if self.unanswered == 0 {
            // Whoever is left is not ours: nobody waits for an id.
            self.early.clear();
        }
        finished
    }

    /// An event was heard of. True when it finished the saga of an order of ours.
    pub(super) fn happened(&mut self, event: SagaEvent) -> bool {
        let Some(&index) = self.index_by_id.get(&event.order_id) else {
            if self.unanswered > 0 {
                self.early.entry(event.order_id).or_default().push(event);
            }
            return false;
        };
        match event.kind {
            SagaEventKind::Confirmed { placed_at } => {
                if !std::mem::replace(&mut self.orders[index].confirmation_seen, true) {
                    let took = (event.at - placed_at).num_microseconds().unwrap_or(i64::MAX);
                    self.latencies_us.saturating_record(u64::try_from(took).unwrap_or(0));
                }
                false
            }
            SagaEventKind::Finished { end } => self.finished(index, end),
        }
    }

    /// What came of it all.
    pub(super) fn into_outcome(self, duration: Duration) -> Outcome {
        Outcome {
            orders: self.orders,
            duration,
            placed_to_confirmed_us: self.latencies_us,
            resent: self.progress.snapshot().resent,
        }
    }

    fn finished(&mut self, index: usize, end: EndState) -> bool {
        let order = &mut self.orders[index];
        if let OrderState::Finished(known) = order.state {
            order.contradictions += u32::from(known != end);
            return false;
        }
        order.state = OrderState::Finished(end);
        add_one(match end {
            EndState::Confirmed => &self.progress.confirmed,
            EndState::Cancelled(_) => &self.progress.cancelled,
        });
        self.settle();
        true
    }

    fn settle(&mut self) {
        self.in_flight -= 1;
        self.done += 1;
    }
}
