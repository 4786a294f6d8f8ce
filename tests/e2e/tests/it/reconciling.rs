//! Books that are compared while traffic flows: traffic is no difference, and what differs is named.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use bowline_kernel::{IdSource as _, SystemIds};
use bowline_load::generator::Progress;
use bowline_prove::{Difference, Kind, ReconcileOptions, Reconciled, Reconciler};
use bowline_test_support::{binary, eventually};
use serde_json::Value;

use crate::bench::{Bench, PATIENCE, in_flight, plan, sagas_in_flight};
use crate::broken_books::{
    AMOUNTS_CHANGED, Change, HISTORY_WITH_A_GAP, RESERVATION_RELEASED, TOTAL_CHANGED, break_books, mend_books,
};

/// No grace at all, so that nothing but the way of looking keeps traffic from being taken for a difference.
const HARSH: ReconcileOptions = ReconcileOptions {
    grace: Duration::from_millis(1),
    confirm_after: Duration::from_millis(20),
    confirm_looks_max: 10,
    page: 50,
    provider_questions_max: 8,
    suspects_max: 10_000,
};

/// What is planted, and the kind of difference that it is.
const PLANTS: [(Kind, Change); 8] = [
    (Kind::History, HISTORY_WITH_A_GAP),
    (Kind::Reservation, RESERVATION_RELEASED),
    (
        Kind::Reservation,
        (
            "inventory",
            "inventory.reservations",
            "UPDATE inventory.reservations
                SET reservation = convert_to(jsonb_set(convert_from(reservation, 'UTF8')::jsonb, '{lines,0,1}', '77777')::text, 'UTF8')
              WHERE order_id = (SELECT order_id FROM inventory.reservations WHERE state = 'committed' LIMIT 1)",
        ),
    ),
    (
        Kind::Reservation,
        (
            "inventory",
            "inventory.reservations",
            "DELETE FROM inventory.reservations WHERE order_id = (SELECT order_id FROM inventory.reservations LIMIT 1)",
        ),
    ),
    (Kind::Payment, TOTAL_CHANGED),
    (Kind::Provider, AMOUNTS_CHANGED),
    (
        Kind::StrayReservation,
        (
            "inventory",
            "inventory.reservations",
            "INSERT INTO inventory.reservations
             SELECT gen_random_uuid(), state, reservation, recorded_at FROM inventory.reservations LIMIT 1",
        ),
    ),
    (
        Kind::StrayPayment,
        (
            "payment",
            "event_store.events",
            "INSERT INTO event_store.events
             SELECT '01900000-0000-7000-8000-000000000001', version, type, schema_version, payload, metadata, recorded_at
               FROM event_store.events
              WHERE stream_id = (SELECT stream_id FROM event_store.events WHERE type = 'payment_captured' LIMIT 1)",
        ),
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn traffic_is_no_difference_and_what_differs_is_named() {
    let switches =
        ["--latency=20ms", "--timeout-rate=0.02", "--timeout-hold=2s", "--capture-refused-rate=0.1"];
    let bench = Bench::start(&switches).await;
    let plan = plan(600);
    bench.load(&plan).await;
    let access = bench.fleet.ground.access().expect("every service has a database");
    let books = Reconciler::new(&access, HARSH).expect("the addresses are sound");
    let progress = Progress::default();
    let comparing = async {
        let (mut rounds, mut at_work) = (0, 0);
        while progress.snapshot().done() < plan.orders.len() as u64 {
            let before = sagas_in_flight(progress.snapshot());
            let found = books.round().await.expect("everything can be read");
            assert_eq!(found.differences, [], "round {rounds} under load");
            rounds += 1;
            at_work += u64::from(before > 0 && found.compared > 0 && found.open > 0);
        }
        at_work
    };
    let (outcome, at_work) = tokio::join!(bench.replay(&plan, in_flight(48), &progress), comparing);
    assert!(at_work > 0, "no round compared finished orders while others were under way");
    bench.settle(&plan, &outcome, 0).await;

    let quiet = sound(&books, "at rest").await;
    assert_eq!((quiet.compared, quiet.open, quiet.unsettled), (outcome.placed(), 0, 0));
    assert_eq!(reconcile(&bench), (Some(0), Vec::new()));
    for (kind, change) in PLANTS {
        let (service, _, statement) = change;
        break_books(&bench, &[change]).await;
        let told = named(&bench, &books, kind).await;
        assert!(told.says.contains(service), "{told:?}");
        mend_books(&bench, &[change]).await;
        sound(&books, statement).await;
    }
    charges_beside_the_payments_are_named(&bench, &books).await;
    what_waits_behind_a_lane_is_not_settled(&bench, &books).await;
    rounds_go_on_and_are_measured(&bench).await;
    bench.stop().await;
}

async fn sound(books: &Reconciler, when: &str) -> Reconciled {
    let found = books.round().await.expect("everything can be read");
    assert_eq!(found.differences, [], "{when}");
    assert_eq!(found.unsettled, 0, "{when}");
    found
}

/// Exactly one difference, of this kind, for the library and for the tool.
async fn named(bench: &Bench, books: &Reconciler, kind: Kind) -> Difference {
    let mut found = books.round().await.expect("everything can be read").differences;
    assert_eq!(found.iter().map(|difference| difference.kind).collect::<Vec<_>>(), [kind], "{found:#?}");
    let found = found.remove(0);
    assert!(found.cause.len() > 20 && found.remedy.len() > 20, "{found:?}");
    assert_eq!(reconcile(bench), (Some(1), vec![(kind.name().to_owned(), found.reference.clone())]));
    found
}

/// A second charge for an order, and one for nobody; letting them go puts the books right.
async fn charges_beside_the_payments_are_named(bench: &Bench, books: &Reconciler) {
    let order = bench
        .text(
            "payment",
            "SELECT min(stream_id::text) FROM event_store.events WHERE type = 'payment_captured'",
        )
        .await;
    let nobody = SystemIds.next_id().to_string();
    for (reference, kind) in
        [(order.as_str(), Kind::Provider), (&nobody, Kind::StrayCharge), ("till-7", Kind::StrayCharge)]
    {
        let hold = serde_json::json!({ "merchant_reference": reference, "token": "tok_visa", "amount": { "value": "5.00", "iso": "GBP" } });
        let charge = provider(bench, "/v1/charges", &hold).await;
        let told = named(bench, books, kind).await;
        assert_eq!(told.reference, reference);
        let id = charge["charge_id"].as_str().expect("an operation names its charge");
        assert!(told.remedy.contains(id), "{told:?}");
        provider(bench, &format!("/v1/charges/{id}/release"), &serde_json::json!({})).await;
        sound(books, reference).await;
    }
}

async fn provider(bench: &Bench, path: &str, body: &Value) -> Value {
    let access = bench.fleet.ground.access().expect("the simulator has an address");
    let address = access.provider.join(path).expect("a path");
    let key = SystemIds.next_id().to_string();
    let request = reqwest::Client::new().post(address).header("Idempotency-Key", key).json(body);
    let answer = request.send().await.expect("the simulator answers");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    answer.json().await.expect("it answers in JSON")
}

/// Somebody may still have to apply what would mend it.
async fn what_waits_behind_a_lane_is_not_settled(bench: &Bench, books: &Reconciler) {
    let changes = [
        RESERVATION_RELEASED,
        (
            "payment",
            "messaging.lane_heads",
            "UPDATE messaging.lane_heads SET next_sequence = next_sequence + 1
              WHERE lane IN (SELECT lane FROM messaging.lanes WHERE topic = 'payment.events.v1')",
        ),
    ];
    break_books(bench, &changes).await;
    let found = books.round().await.expect("everything can be read");
    assert_eq!((found.differences.len(), found.unsettled), (0, 1), "{found:?}");
    assert_eq!(reconcile(bench), (Some(2), Vec::new()));
    mend_books(bench, &changes).await;
    sound(books, "the lanes are level again").await;
}

/// `--watch` finds what was planted in a later round, and that it is gone in one after that.
async fn rounds_go_on_and_are_measured(bench: &Bench) {
    let mut watching = Command::new(binary("bowline"))
        .args(["reconcile", "--grace", "1ms", "--confirm-after", "20ms", "--watch", "100ms"])
        .args(["--metrics-listen", "127.0.0.1:0", "--stack-dir"])
        .arg(bench.folder())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool runs");
    let said = tokio::task::block_in_place(|| {
        let mut said = String::new();
        let stderr = watching.stderr.take().expect("it is piped");
        BufReader::new(stderr).read_line(&mut said).expect("it says something");
        said
    });
    let address = said.trim().strip_prefix("metrics are served at ").expect(&said).to_owned();
    let shows = async |line: &str| {
        eventually(line, PATIENCE, async || {
            let text = reqwest::get(&address).await.ok()?.text().await.ok()?;
            text.lines().any(|found| found == line).then_some(())
        })
        .await;
    };
    shows("bowline_reconcile_differences{kind=\"reservation\"} 0").await;
    break_books(bench, &[RESERVATION_RELEASED]).await;
    shows("bowline_reconcile_differences{kind=\"reservation\"} 1").await;
    mend_books(bench, &[RESERVATION_RELEASED]).await;
    shows("bowline_reconcile_differences{kind=\"reservation\"} 0").await;
    watching.kill().expect("it runs");
    watching.wait().expect("it ends");
}

/// The exit status of `bowline reconcile`, and kind and reference of what it says to differ.
fn reconcile(bench: &Bench) -> (Option<i32>, Vec<(String, String)>) {
    tokio::task::block_in_place(|| {
        let output = Command::new(binary("bowline"))
            .args([
                "reconcile",
                "--grace",
                "1ms",
                "--confirm-after",
                "20ms",
                "--output",
                "json",
                "--stack-dir",
            ])
            .arg(bench.folder())
            .output()
            .expect("the tool runs");
        let round: Value = serde_json::from_slice(&output.stdout).expect("it prints one object");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let differences = round["differences"].as_array().expect("a list").iter();
        let differences = differences.map(|found| (text(&found["kind"]), text(&found["reference"])));
        (output.status.code(), differences.collect())
    })
}
