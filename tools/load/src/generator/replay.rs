//! Drives a replay from the first order to the last saga.

use std::time::Duration;

use bowline_kernel::OrderId;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, Stream, StreamExt as _};
use tokio::time::{Instant, MissedTickBehavior};

use super::calls;
use super::connections::Connections;
use super::events::SagaEvent;
use super::outcome::{OrderState, Outcome};
use super::progress::Progress;
use super::tracker::Tracker;
use super::{Pace, ReplayOptions};
use crate::plan::Plan;

/// The most events taken from the stream at once.
const EVENTS_MAX: usize = 1_024;
/// The most stuck orders that an error names.
const STUCK_SHOWN_MAX: usize = 20;

/// Why a replay did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// Nothing made any progress for too long.
    #[error(transparent)]
    Stalled(Box<Stalled>),
    /// The stream of events ended while orders were in flight.
    #[error("the stream of orders' events ended before every saga had finished")]
    EventsEnded,
}

/// A replay in which nothing moves any more.
#[derive(Debug, thiserror::Error)]
#[error(
    "no progress for {after:?}; {count} orders are stuck: {}{}{}",
    orders.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    if orders.len() < *count { ", …" } else { "" },
    trouble.as_ref().map(|trouble| format!("; the last trouble was {trouble}")).unwrap_or_default()
)]
pub struct Stalled {
    /// How long nothing moved.
    pub after: Duration,
    /// How many orders are stuck.
    pub count: usize,
    /// The first of them.
    pub orders: Vec<StuckOrder>,
    /// The last reason for which a call was sent again.
    pub trouble: Option<String>,
    /// What had come of the replay until then.
    pub outcome: Outcome,
}

/// An order that does not get on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StuckOrder {
    /// The invoice it came from.
    pub invoice: String,
    /// Its id; `None` while PlaceOrder has no certain answer.
    pub order_id: Option<OrderId>,
}

impl std::fmt::Display for StuckOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.order_id {
            Some(id) => write!(f, "{id} (invoice {}, its saga is not finished)", self.invoice),
            None => write!(f, "invoice {} (its calls have no certain answer)", self.invoice),
        }
    }
}

/// Places all orders of the plan and waits until each is refused or its saga is finished. `events` tells, from before
/// the first order is placed, what happens to orders; events may come repeatedly, before the answer to PlaceOrder, and
/// about orders of others.
pub async fn replay(
    plan: &Plan,
    orders: &Connections,
    events: impl Stream<Item = SagaEvent>,
    options: &ReplayOptions,
    progress: &Progress,
) -> Result<Outcome, ReplayError> {
    let departures = Departures::new(options.pace, Some(plan.orders.len()));
    drive(plan, orders, events, options, progress, departures, std::future::pending()).await
}

/// The same with the orders of the plan again and again ([`Plan::order`]), until `enough` ends; then no further order is
/// placed, and those in flight are waited for.
pub async fn replay_until(
    plan: &Plan,
    orders: &Connections,
    events: impl Stream<Item = SagaEvent>,
    options: &ReplayOptions,
    progress: &Progress,
    enough: impl Future<Output = ()>,
) -> Result<Outcome, ReplayError> {
    drive(plan, orders, events, options, progress, Departures::new(options.pace, None), enough).await
}

async fn drive(
    plan: &Plan,
    orders: &Connections,
    events: impl Stream<Item = SagaEvent>,
    options: &ReplayOptions,
    progress: &Progress,
    mut departures: Departures,
    enough: impl Future<Output = ()>,
) -> Result<Outcome, ReplayError> {
    let mut events = std::pin::pin!(events.ready_chunks(EVENTS_MAX));
    let mut enough = std::pin::pin!(enough);
    let mut tracker = Tracker::new(progress);
    let mut answers = FuturesUnordered::new();
    let mut last_progress = Instant::now();
    let mut last_finished = departures.started;
    let mut stall_check = tokio::time::interval((options.stall_after / 4).max(Duration::from_millis(1)));
    stall_check.set_missed_tick_behavior(MissedTickBehavior::Delay);

    while departures.are_left() || !tracker.all_done() {
        while let Some(index) = departures.next(tracker.in_flight()) {
            tracker.sent(index);
            answers.push(calls::place(index, plan.order(index), orders, options.run_id, progress));
        }
        let mut finished = false;
        tokio::select! {
            Some((index, answer)) = answers.next(), if !answers.is_empty() => {
                finished |= tracker.answered(index, answer);
                // What else is ready comes along, so that events and departures are looked at once for all of it.
                while let Some(Some((index, answer))) = answers.next().now_or_never() {
                    finished |= tracker.answered(index, answer);
                }
                last_progress = Instant::now();
            }
            heard = events.next() => {
                for event in heard.ok_or(ReplayError::EventsEnded)? {
                    finished |= tracker.happened(event);
                }
            }
            () = departures.due() => {}
            () = &mut enough, if departures.are_endless() => departures.end(),
            _ = stall_check.tick() => {
                if tracker.in_flight() == 0 {
                    last_progress = Instant::now();
                } else if last_progress.elapsed() >= options.stall_after {
                    let duration = last_finished - departures.started;
                    tracker.not_sent_up_to(departures.order_count.unwrap_or_default());
                    return Err(stalled(plan, tracker, options.stall_after, duration, progress));
                }
            }
        }
        if finished {
            last_finished = Instant::now();
            last_progress = last_finished;
        }
    }
    Ok(tracker.into_outcome(last_finished - departures.started))
}

fn stalled(
    plan: &Plan,
    tracker: Tracker<'_>,
    after: Duration,
    duration: Duration,
    progress: &Progress,
) -> ReplayError {
    let stuck = tracker
        .orders()
        .iter()
        .enumerate()
        .filter(|(_, order)| matches!(order.state, OrderState::Sent | OrderState::Placed))
        .map(|(index, order)| StuckOrder {
            invoice: plan.order(index).invoice.to_string(),
            order_id: order.order_id,
        });
    ReplayError::Stalled(Box::new(Stalled {
        after,
        count: tracker.in_flight(),
        orders: stuck.take(STUCK_SHOWN_MAX).collect(),
        trouble: progress.last_trouble(),
        outcome: tracker.into_outcome(duration),
    }))
}

/// Which order is placed next, and when.
struct Departures {
    pace: Pace,
    started: Instant,
    next: usize,
    /// `None` as long as there is no end.
    order_count: Option<usize>,
}

impl Departures {
    fn new(pace: Pace, order_count: Option<usize>) -> Self {
        Self { pace, started: Instant::now(), next: 0, order_count }
    }

    /// The next order, if it is to be placed now.
    fn next(&mut self, in_flight: usize) -> Option<usize> {
        let now = match self.pace {
            Pace::Closed { concurrency } => in_flight < concurrency.get(),
            Pace::Open { .. } => self.due_at().is_some_and(|due| due <= Instant::now()),
        };
        (now && self.are_left()).then(|| {
            self.next += 1;
            self.next - 1
        })
    }

    fn are_left(&self) -> bool {
        self.order_count.is_none_or(|count| self.next < count)
    }

    fn are_endless(&self) -> bool {
        self.order_count.is_none()
    }

    /// Places no further order.
    fn end(&mut self) {
        self.order_count = Some(self.next);
    }

    /// Waits until an order is to be placed; for ever when that depends on orders in flight.
    async fn due(&self) {
        match self.due_at() {
            Some(due) if self.are_left() => tokio::time::sleep_until(due).await,
            _ => std::future::pending().await,
        }
    }

    fn due_at(&self) -> Option<Instant> {
        match self.pace {
            Pace::Closed { .. } => None,
            Pace::Open { per_second } => {
                let nanos = u128::from(self.next as u64) * 1_000_000_000 / u128::from(per_second.get());
                let nanos = u64::try_from(nanos).expect("a replay ends within 584 years");
                Some(self.started + Duration::from_nanos(nanos))
            }
        }
    }
}
