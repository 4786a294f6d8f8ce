use std::time::Duration;

use hdrhistogram::Histogram;

use super::*;
use crate::compare::compare;
use crate::generator::{CancelAnswer, EndState, OrderOutcome, OrderState, Rejection};
use crate::plan::{PlannedLine, PlannedOrder};

fn planned(invoice: &str) -> PlannedOrder {
    PlannedOrder {
        invoice: invoice.into(),
        customer: "1".into(),
        country: "".into(),
        lines: [PlannedLine { sku: "A".into(), quantity: 2 }].into(),
        payment_token: "tok_ok".to_owned(),
        cancels: false,
        expected_units: 2,
        expected_total_minor: 500,
        expected_rejection: None,
    }
}

fn ended(state: OrderState) -> OrderOutcome {
    OrderOutcome {
        order_id: (!matches!(state, OrderState::Rejected(_) | OrderState::NotSent))
            .then(|| "0192f0c1-7e2a-7bbb-8ccc-0123456789ab".parse().unwrap()),
        state,
        total_minor: 500,
        currency_code: "GBP".to_owned(),
        units: 2,
        cancel: CancelAnswer::NotAsked,
        confirmation_seen: true,
        contradictions: 0,
    }
}

fn cancelled(reason: CancelReason) -> OrderOutcome {
    ended(OrderState::Finished(EndState::Cancelled(reason)))
}

fn sold() -> OrderOutcome {
    ended(OrderState::Finished(EndState::Confirmed))
}

fn refused() -> OrderOutcome {
    let rejection = Rejection { reason: "lines.sku".to_owned(), message: "unknown".to_owned() };
    ended(OrderState::Rejected(rejection))
}

fn replayed(orders: Vec<OrderOutcome>) -> (Plan, Outcome) {
    let plan = Plan {
        currency: bowline_kernel::Currency::GBP,
        products: Vec::new(),
        stock: Vec::new(),
        orders: (0..orders.len()).map(|n| planned(&n.to_string())).collect(),
        rows_read: 1_234,
        skipped: SkippedRows { cancellations: 3, ..SkippedRows::default() },
    };
    let mut latencies = Histogram::new_with_bounds(1, 3_600_000_000, 3).unwrap();
    latencies.record(6_500).unwrap();
    let outcome = Outcome {
        orders,
        duration: Duration::from_millis(500),
        placed_to_confirmed_us: latencies,
        resent: 0,
    };
    (plan, outcome)
}

fn report(orders: Vec<OrderOutcome>) -> Report {
    let (plan, outcome) = replayed(orders);
    let books = Books { authorized_minor: 1_500, captured_minor: 1_000, voided_minor: 500, units_sold: 4 };
    let mut invariant = Invariant::unchecked("levels equal movements");
    invariant.check(None::<()>);
    Report::new(&plan, &outcome, books, vec![invariant], [("orders".to_owned(), 1)].into())
}

#[test]
fn the_json_has_the_documented_shape() {
    let report =
        report(vec![sold(), sold(), cancelled(CancelReason::Customer), refused(), ended(OrderState::Placed)]);
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    let expected = serde_json::json!({
        "orders": {
            "read": 5, "placed": 4, "confirmed": 2,
            "cancelled": { "out_of_stock": 0, "payment_declined": 0, "customer": 1, "capture_failed": 0 },
            "rejected": { "lines.sku": 1 }, "unfinished": 1,
        },
        "money": {
            "currency": "GBP", "confirmed_minor": 1000,
            "authorized_minor": 1500, "captured_minor": 1000, "voided_minor": 500,
        },
        "units_sold": 4,
        "sagas_per_second": 6.0,
        "placed_to_confirmed_ms": { "p50": 6.503, "p99": 6.503 },
        "invariants": [{ "name": "levels equal movements", "checked": 1, "violations": 0 }],
        "restarts": { "orders": 1 },
    });
    assert_eq!(json, expected);
    assert!(!report.is_success(), "an order is unfinished");
}

#[test]
fn the_summary_tells_people_the_same() {
    let summary = report(vec![sold(), refused()]).summary();
    for line in
        ["rows in the file", "1,234", "10.00 GBP", "6.5 ms", "✓", "levels equal movements", "Restarts"]
    {
        assert!(summary.contains(line), "{line:?} is missing in\n{summary}");
    }
}

#[test]
fn what_the_file_does_not_explain_is_a_deviation() {
    let agreeing = vec![sold(), cancelled(CancelReason::OutOfStock)];
    let (plan, outcome) = replayed(agreeing);
    assert_eq!(compare(&plan, &outcome).deviations, [""; 0]);

    let dearer = OrderOutcome { total_minor: 501, ..sold() };
    let foreign = OrderOutcome { currency_code: "EUR".to_owned(), ..sold() };
    let undone = OrderOutcome { cancel: CancelAnswer::Accepted, ..sold() };
    let twice = OrderOutcome { contradictions: 1, ..sold() };
    let (plan, outcome) = replayed(vec![dearer, foreign, undone, twice, refused()]);
    let comparison = compare(&plan, &outcome);
    assert_eq!((comparison.amounts.checked, comparison.amounts.violations), (4, 2));
    assert_eq!((comparison.rejections.checked, comparison.rejections.violations), (5, 1));
    assert_eq!((comparison.end_states.checked, comparison.end_states.violations), (4, 2));
    assert_eq!(comparison.deviations.len(), 5);
}
