//! Orders, folded anew from their events: every accepted order is finished in exactly one end state.

use std::collections::HashMap;

use bowline_kernel::{Decider as _, Money};
use bowline_orders_domain::{Event, OrderDecider, Outcome, State, Status};
use uuid::Uuid;

use crate::access::Database;
use crate::histories::{self, History};
use crate::{Error, Invariant};

/// What the other invariants need to know of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Order {
    /// How it ended; `None` while it has not.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) total: Money,
    pub(crate) units: i64,
}

/// All orders.
pub(crate) struct Orders {
    pub(crate) by_id: HashMap<Uuid, Order>,
    pub(crate) end_states: Invariant,
    pub(crate) histories: Invariant,
}

pub(crate) async fn read(database: &Database) -> Result<Orders, Error> {
    let mut by_id = HashMap::new();
    let mut end_states = Invariant::new("every accepted order is finished in exactly one end state");
    let contiguous = Invariant::new("order histories have no gap in their versions");
    let histories = histories::read::<Event>(database, contiguous, |history| {
        end_states.check(end_state_fault(history));
        if let Some(order) = fold(&history.events) {
            by_id.insert(history.id, order);
        }
    })
    .await?;
    Ok(Orders { by_id, end_states, histories })
}

/// `None` when the history does not begin with an order.
pub(crate) fn fold(events: &[Event]) -> Option<Order> {
    let state = OrderDecider::replay(events);
    let order = state.order()?;
    let units = order.lines.iter().map(|line| line.quantity.units()).sum();
    Some(Order { outcome: finished_outcome(&state), total: order.total, units })
}

fn finished_outcome(state: &State) -> Option<Outcome> {
    let outcome = match state.status()? {
        Status::Pending => return None,
        Status::Confirmed => Outcome::Confirmed,
        Status::Cancelled(reason) => Outcome::Cancelled(reason),
    };
    state.is_finished().then_some(outcome)
}

/// How a history breaks the rule that an order ends once.
fn end_state_fault(history: &History<Event>) -> Option<String> {
    let fault = end_fault(&history.events)?;
    Some(format!("order {}: {fault}", history.id))
}

fn end_fault(events: &[Event]) -> Option<String> {
    let mut ends = events.iter().filter_map(|event| match event {
        Event::OrderFinished(finished) => Some(finished.outcome),
        _ => None,
    });
    let state = OrderDecider::replay(events);
    let Some(end) = ends.next() else { return Some(format!("it is not finished ({})", state.name())) };
    if ends.next().is_some() {
        return Some("it is finished more than once".to_owned());
    }
    if finished_outcome(&state) != Some(end) {
        return Some(format!("its last event says {end:?}, its history {}", state.name()));
    }
    let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
    let placed = count(|event| matches!(event, Event::OrderPlaced(_)));
    let confirmed = count(|event| matches!(event, Event::OrderConfirmed(_)));
    let cancelled = count(|event| matches!(event, Event::OrderCancelled(_)));
    (placed != 1 || confirmed > 1 || cancelled > 1).then(|| {
        format!("it was placed {placed} times, confirmed {confirmed} times and cancelled {cancelled} times")
    })
}

#[cfg(test)]
mod tests {
    use bowline_kernel::{Currency, OrderId};
    use bowline_orders_domain::{
        CancelReason, CaptureNoted, OrderCancelled, OrderConfirmed, OrderFinished, OrderPlaced,
        StockCommitNoted,
    };
    use chrono::{DateTime, Utc};

    use super::*;

    const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn placed() -> Event {
        Event::OrderPlaced(OrderPlaced {
            order_id: OrderId::new(Uuid::nil()),
            customer_id: "c".parse().unwrap(),
            lines: Vec::new(),
            total: Money::new(5, Currency::GBP),
            payment_token: "t".parse().unwrap(),
            country: None,
            placed_at: AT,
        })
    }

    fn cancelled() -> Event {
        Event::OrderCancelled(OrderCancelled { reason: CancelReason::OutOfStock, cancelled_at: AT })
    }

    fn finished(outcome: Outcome) -> Event {
        Event::OrderFinished(OrderFinished { outcome, finished_at: AT })
    }

    fn confirmed() -> [Event; 3] {
        [
            Event::OrderConfirmed(OrderConfirmed { placed_at: AT, confirmed_at: AT }),
            Event::StockCommitNoted(StockCommitNoted { units: 0, noted_at: AT }),
            Event::CaptureNoted(CaptureNoted { amount: Money::new(5, Currency::GBP), noted_at: AT }),
        ]
    }

    fn history(rest: impl IntoIterator<Item = Event>) -> Vec<Event> {
        std::iter::once(placed()).chain(rest).collect()
    }

    #[test]
    fn an_order_that_ends_once_is_in_order() {
        let out_of_stock = Outcome::Cancelled(CancelReason::OutOfStock);
        let given_up = history([cancelled(), finished(out_of_stock)]);
        assert_eq!(end_fault(&given_up), None);
        assert_eq!(fold(&given_up).unwrap().outcome, Some(out_of_stock));
        let sold = history(confirmed().into_iter().chain([finished(Outcome::Confirmed)]));
        assert_eq!(end_fault(&sold), None);
        assert_eq!(fold(&sold).unwrap().outcome, Some(Outcome::Confirmed));
    }

    #[test]
    fn an_order_without_an_end_with_two_or_with_another_than_its_history_is_not() {
        let out_of_stock = finished(Outcome::Cancelled(CancelReason::OutOfStock));
        assert!(end_fault(&history([])).unwrap().contains("not finished"));
        assert!(end_fault(&history(confirmed())).unwrap().contains("not finished"));
        let twice = history([cancelled(), out_of_stock.clone(), out_of_stock.clone()]);
        assert!(end_fault(&twice).unwrap().contains("more than once"));
        let other = history(confirmed().into_iter().chain([out_of_stock.clone()]));
        assert!(end_fault(&other).unwrap().contains("its history confirmed"));
        let again = history([cancelled(), cancelled(), out_of_stock]);
        assert!(end_fault(&again).unwrap().contains("cancelled 2 times"));
    }
}
