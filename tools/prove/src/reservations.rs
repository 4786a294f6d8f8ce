//! Reservations follow the orders: committed if and only if the order is confirmed.

use std::collections::{HashMap, HashSet};

use bowline_orders_domain::{CancelReason, Outcome};
use futures::TryStreamExt as _;
use uuid::Uuid;

use crate::access::Database;
use crate::orders::Order;
use crate::{Error, Invariant};

/// What inventory holds for orders, in states and in units.
pub(crate) struct Reservations {
    pub(crate) states: Invariant,
    pub(crate) units: Invariant,
}

/// The movements of one order, added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Moved {
    available: i64,
    reserved: i64,
    sold: i64,
}

pub(crate) async fn check(database: &Database, orders: &HashMap<Uuid, Order>) -> Result<Reservations, Error> {
    Ok(Reservations { states: states(database, orders).await?, units: units(database, orders).await? })
}

/// Of every order: its reservation stands where the order's end says, and of no other order there is one that holds
/// anything.
async fn states(database: &Database, orders: &HashMap<Uuid, Order>) -> Result<Invariant, Error> {
    let mut invariant = Invariant::new(
        "reservations are committed if and only if the order is confirmed, released otherwise",
    );
    let mut rows = sqlx::query_as::<_, (Uuid, String)>("SELECT order_id, state FROM inventory.reservations")
        .fetch(&database.pool);
    let mut without: HashSet<Uuid> = orders.keys().copied().collect();
    while let Some((id, state)) = rows.try_next().await.map_err(|source| database.failed(source))? {
        without.remove(&id);
        let fault = match orders.get(&id) {
            None => Some(format!("it is {state}, but orders does not know the order")),
            Some(order) => state_fault(order.outcome, &state),
        };
        invariant.check(fault.map(|fault| format!("order {id}: {fault}")));
    }
    for id in without {
        invariant.check(Some(format!("order {id}: inventory knows no reservation")));
    }
    Ok(invariant)
}

pub(crate) fn state_fault(outcome: Option<Outcome>, state: &str) -> Option<String> {
    let expected: &[&str] = match outcome {
        None => return Some(format!("it is {state}, and the order is not finished")),
        Some(Outcome::Confirmed) => &["committed"],
        Some(Outcome::Cancelled(CancelReason::OutOfStock)) => &["rejected"],
        Some(Outcome::Cancelled(CancelReason::PaymentDeclined)) => &["released"],
        // The customer may have been faster than the answer that there is not enough.
        Some(Outcome::Cancelled(CancelReason::Customer | CancelReason::Deadline)) => {
            &["released", "rejected"]
        }
        Some(Outcome::Cancelled(CancelReason::CaptureFailed)) => &["restocked"],
    };
    (!expected.contains(&state)).then(|| format!("it is {state} instead of {}", expected.join(" or ")))
}

/// Of every order with movements: they sold exactly its units if it is confirmed, and added up to nothing if not.
async fn units(database: &Database, orders: &HashMap<Uuid, Order>) -> Result<Invariant, Error> {
    let mut invariant =
        Invariant::new("an order's movements sell exactly its units if confirmed, nothing otherwise");
    let mut rows = sqlx::query_as::<_, (Uuid, i64, i64, i64)>(
        "SELECT order_id, sum(available_delta)::bigint, sum(reserved_delta)::bigint, sum(sold_delta)::bigint
           FROM inventory.movements WHERE order_id IS NOT NULL GROUP BY order_id",
    )
    .fetch(&database.pool);
    let confirmed = orders.iter().filter(|(_, order)| order.outcome == Some(Outcome::Confirmed));
    let mut unmoved: HashSet<Uuid> = confirmed.map(|(id, _)| *id).collect();
    while let Some((id, available, reserved, sold)) =
        rows.try_next().await.map_err(|source| database.failed(source))?
    {
        unmoved.remove(&id);
        let fault = units_fault(orders.get(&id), Moved { available, reserved, sold });
        invariant.check(fault.map(|fault| format!("order {id}: {fault}")));
    }
    for id in unmoved {
        invariant.check(Some(format!("order {id}: it is confirmed, but no unit was moved for it")));
    }
    Ok(invariant)
}

fn units_fault(order: Option<&Order>, moved: Moved) -> Option<String> {
    let units = match order.and_then(|order| Some((order.units, order.outcome?))) {
        Some((units, Outcome::Confirmed)) => units,
        Some((_, Outcome::Cancelled(_))) | None => 0,
    };
    let expected = Moved { available: -units, reserved: 0, sold: units };
    let Moved { available, reserved, sold } = moved;
    (moved != expected).then(|| {
        format!(
            "its movements come to {available} available, {reserved} reserved and {sold} sold; {units} units should be sold"
        )
    })
}

#[cfg(test)]
mod tests {
    use bowline_kernel::{Currency, Money};

    use super::*;

    const CANCELLED: [CancelReason; 5] = [
        CancelReason::OutOfStock,
        CancelReason::PaymentDeclined,
        CancelReason::Customer,
        CancelReason::CaptureFailed,
        CancelReason::Deadline,
    ];

    #[test]
    fn only_a_confirmed_order_is_committed() {
        assert_eq!(state_fault(Some(Outcome::Confirmed), "committed"), None);
        for state in ["reserved", "released", "rejected", "restocked"] {
            assert!(state_fault(Some(Outcome::Confirmed), state).is_some(), "{state}");
        }
        for reason in CANCELLED {
            for state in ["committed", "reserved"] {
                assert!(state_fault(Some(Outcome::Cancelled(reason)), state).is_some(), "{reason} {state}");
            }
        }
        assert_eq!(state_fault(Some(Outcome::Cancelled(CancelReason::CaptureFailed)), "restocked"), None);
        assert!(state_fault(None, "reserved").is_some());
    }

    #[test]
    fn only_a_confirmed_order_moves_units_for_good() {
        let order = |outcome| Order { outcome, total: Money::new(1, Currency::GBP), units: 3 };
        let (confirmed, cancelled) =
            (order(Some(Outcome::Confirmed)), order(Some(Outcome::Cancelled(CancelReason::Customer))));
        let (sold, none) = (Moved { available: -3, reserved: 0, sold: 3 }, Moved::default());
        assert_eq!(units_fault(Some(&confirmed), sold), None);
        assert_eq!(units_fault(Some(&cancelled), none), None);
        for (order, moved) in [(Some(&confirmed), none), (Some(&cancelled), sold), (None, sold)] {
            assert!(units_fault(order, moved).is_some(), "{order:?} {moved:?}");
        }
    }
}
