//! Whether the services did what the file alone says.

use crate::generator::{CancelAnswer, CancelReason, EndState, OrderOutcome, OrderState, Outcome};
use crate::plan::{Plan, PlannedOrder};
use crate::report::Invariant;

/// The most deviations that are described; all are counted.
const DEVIATIONS_SHOWN_MAX: usize = 20;

/// What the file says beside what the services say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Of every accepted order: units, money and currency equal the file's at list prices.
    pub amounts: Invariant,
    /// Of every answered order: it was refused if and only if the file explains why.
    pub rejections: Invariant,
    /// Of every accepted order: one end state, and not another one than a cancellation that was accepted.
    pub end_states: Invariant,
    /// The first deviations, for people.
    pub deviations: Vec<String>,
}

impl Comparison {
    /// All three, for the report.
    pub fn invariants(&self) -> [Invariant; 3] {
        [self.amounts.clone(), self.rejections.clone(), self.end_states.clone()]
    }
}

/// Compares the `outcome` of a replay with its `plan`.
pub fn compare(plan: &Plan, outcome: &Outcome) -> Comparison {
    let mut comparison = Comparison {
        amounts: Invariant::unchecked("order amounts equal the file's"),
        rejections: Invariant::unchecked("rejections are those the file explains"),
        end_states: Invariant::unchecked("orders end as their answers said"),
        deviations: Vec::new(),
    };
    let Comparison { amounts, rejections, end_states, deviations } = &mut comparison;
    for (index, order) in outcome.orders.iter().enumerate() {
        let planned = &plan.order(index);
        let found = [
            (order.order_id.is_some()).then(|| amounts.check(amounts_deviate(plan, planned, order))),
            is_answered(order).then(|| rejections.check(rejection_deviates(planned, order))),
            (order.order_id.is_some()).then(|| end_states.check(end_deviates(order))),
        ];
        for deviation in found.into_iter().flatten().flatten() {
            if deviations.len() < DEVIATIONS_SHOWN_MAX {
                deviations.push(format!("invoice {}: {deviation}", planned.invoice));
            }
        }
    }
    comparison
}

const fn is_answered(order: &OrderOutcome) -> bool {
    !matches!(order.state, OrderState::NotSent | OrderState::Sent)
}

fn amounts_deviate(plan: &Plan, planned: &PlannedOrder, order: &OrderOutcome) -> Option<String> {
    let expected = (planned.expected_units, planned.expected_total_minor, plan.currency.code());
    let told = (order.units, order.total_minor, order.currency_code.as_str());
    (told != expected).then(|| format!("units and total are {told:?}, the file says {expected:?}"))
}

fn rejection_deviates(planned: &PlannedOrder, order: &OrderOutcome) -> Option<String> {
    match (&order.state, &planned.expected_rejection) {
        (OrderState::Rejected(rejection), None) => Some(format!(
            "refused ({}: {}) without a reason in the file",
            rejection.reason, rejection.message
        )),
        // An invoice may have several faults; which one the service names first is its own affair.
        (OrderState::Rejected(_), Some(_)) | (_, None) => None,
        (_, Some(expected)) => Some(format!("accepted, although the file has a fault: {expected}")),
    }
}

fn end_deviates(order: &OrderOutcome) -> Option<String> {
    if order.contradictions > 0 {
        return Some(format!("{} events tell another end state than the first", order.contradictions));
    }
    match (&order.cancel, &order.state) {
        (CancelAnswer::Refused(rejection), _) => {
            Some(format!("cancelling was refused ({}: {})", rejection.reason, rejection.message))
        }
        (CancelAnswer::Accepted, OrderState::Finished(end))
            if *end != EndState::Cancelled(CancelReason::Customer) =>
        {
            Some(format!("its cancellation was accepted, but it ended {end:?}"))
        }
        (CancelAnswer::Accepted | CancelAnswer::NotAsked | CancelAnswer::TooLate, _) => None,
    }
}
