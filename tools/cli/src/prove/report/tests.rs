//! Reports of runs that never were.

use bowline_load::generator::Outcome as Replay;
use bowline_load::plan::SkippedRows;
use bowline_load::report::{Cancelled, Money, Orders, Percentiles, Rows};

use super::*;

fn record(number: u32, kind: Kind, outcome: Outcome) -> Record {
    let target = "<b>orders</b>".to_owned();
    Record { number, kind, target, planned_ms: 5, began_ms: 6, length_ms: 7, outcome }
}

fn records() -> Vec<Record> {
    let took = |recovered_ms| Outcome::Injected { recovered_ms };
    vec![
        record(1, Kind::Kill, took(Some(300))),
        record(2, Kind::Kill, took(Some(100))),
        record(3, Kind::Kill, took(Some(900))),
        record(4, Kind::Kill, Outcome::Failed { reason: "it is gone".to_owned() }),
        record(5, Kind::ProviderErrors, took(None)),
        record(6, Kind::FaultPoints, Outcome::NotReached),
        record(7, Kind::FaultPoints, Outcome::Skipped { reason: "not built".to_owned() }),
    ]
}

fn report(broken: Vec<String>) -> ProveReport {
    let records = records();
    let measured = Measured {
        fault: "SIGKILL of orders".to_owned(),
        until: "90 % of the rate before",
        from: "the fault",
        aim_ms: 10_000,
        took_ms: Some(1_234),
        rate_before: 321.4,
        rates: vec![0.0, 310.0],
        trouble: None,
    };
    ProveReport {
        holds: broken.is_empty(),
        run: RunFacts {
            seed: 7,
            duration_ms: 1_200_000,
            kinds: Kind::ALL.to_vec(),
            replicas: 2,
            pace: "256 orders in flight".to_owned(),
            faults_scheduled: 7,
            faults_injected: 4,
        },
        faults: tallies(&records),
        recovery: vec![measured],
        calls_resent: 12,
        broken,
        replay: Report {
            orders: Orders {
                read: 10,
                placed: 10,
                confirmed: 9,
                cancelled: Cancelled { customer: 1, ..Cancelled::default() },
                rejected: BTreeMap::new(),
                unfinished: 0,
            },
            money: Money {
                currency: "GBP".to_owned(),
                confirmed_minor: 1,
                authorized_minor: 1,
                captured_minor: 1,
                voided_minor: 0,
            },
            units_sold: 1,
            sagas_per_second: 1.5,
            placed_to_confirmed_ms: Percentiles { p50: 1.0, p99: 2.0 },
            invariants: vec![came_back(&records)],
            restarts: [("orders".to_owned(), 3), ("kafka".to_owned(), 0)].into(),
            rows: Rows { read: 10, skipped: SkippedRows::default() },
        },
        passed_parked: None,
        records,
    }
}

#[test]
fn faults_are_counted_by_kind_and_outcome() {
    let tallies = tallies(&records());
    let kills = tallies[&Kind::Kill];
    assert_eq!((kills.injected, kills.failed), (3, 1));
    assert_eq!((kills.recovered_ms_p50, kills.recovered_ms_max), (Some(300), Some(900)));
    let errors = tallies[&Kind::ProviderErrors];
    assert_eq!((errors.injected, errors.recovered_ms_p50), (1, None));
    let points = tallies[&Kind::FaultPoints];
    assert_eq!((points.injected, points.not_reached, points.skipped), (0, 1, 1));
}

#[test]
fn what_has_not_come_back_is_a_violation() {
    let invariant = came_back(&records());
    assert_eq!((invariant.checked, invariant.violations), (5, 1));
}

#[test]
fn an_order_that_is_lost_or_doubled_is_a_violation() {
    let orders =
        bowline_prove::Invariant { name: "orders", checked: 10, violations: 0, examples: Vec::new() };
    let proof = Proof { invariants: vec![orders], totals: bowline_prove::Totals::default() };
    assert_eq!(accepted_are_there(&proof, 10).violations, 0);
    assert_eq!(accepted_are_there(&proof, 11).violations, 1);
    assert_eq!(accepted_are_there(&proof, 8).violations, 2);
}

#[test]
fn books_that_say_something_else_than_callers_heard_are_violations() {
    let outcome = Replay {
        orders: Vec::new(),
        duration: std::time::Duration::ZERO,
        placed_to_confirmed_us: hdrhistogram::Histogram::new(3).unwrap(),
        resent: 0,
    };
    let replayed = Replayed { outcome, stalled: None };
    let proof = |captured_minor| Proof {
        invariants: Vec::new(),
        totals: bowline_prove::Totals { captured_minor, ..bowline_prove::Totals::default() },
    };
    assert_eq!(sums_agree(&proof(0), &replayed).violations, 0);
    assert_eq!(sums_agree(&proof(1), &replayed).violations, 1);
}

#[test]
fn machines_can_read_it() {
    let json: serde_json::Value = serde_json::from_str(&report(Vec::new()).to_json()).unwrap();
    assert_eq!((&json["holds"], &json["run"]["seed"]), (&true.into(), &7.into()));
    assert_eq!(json["faults"]["kill"]["recovered_ms_max"], 900);
    assert_eq!(json["records"][0]["outcome"], "injected");
    assert_eq!(json["records"][3]["reason"], "it is gone");
    assert_eq!(json["orders"]["placed"], 10);
    assert_eq!(json["recovery"][0]["took_ms"], 1_234);
}

#[test]
fn people_can_read_it_and_nothing_in_it_is_taken_for_markup() {
    let text = report(Vec::new()).text();
    assert!(text.ends_with("everything holds: 4 faults, 10 orders, seed 7\n"), "{text}");
    assert!(text.contains("1234 ms") && text.contains("provider-errors"), "{text}");
    let page = page::of(&report(vec!["order <1> is lost".to_owned()])).unwrap();
    for expected in
        ["It does not hold", "order &#60;1&#62; is lost", "&#60;b&#62;orders", "back after 300 ms"]
    {
        assert!(page.contains(expected), "{expected} is missing: {page}");
    }
    assert!(!page.contains("<b>orders") && !page.contains("src=") && !page.contains("href="), "{page}");
    assert!(report(vec!["x".to_owned()]).text().contains("IT DOES NOT HOLD"));
}
