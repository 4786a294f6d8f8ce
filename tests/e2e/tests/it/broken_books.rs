//! A replay without trouble; then every invariant is broken by SQL, one at a time.

use std::process::Command;

use bowline_load::generator::{CancelReason, EndState, OrderState, Progress};
use bowline_load::plan::DECLINED_TOKEN_PREFIX;
use bowline_prove::prove;
use bowline_test_support::binary;

use crate::bench::{Bench, assert_holds, in_flight, plan};

/// One invariant, and how it is broken.
struct Break {
    invariant: &'static str,
    changes: &'static [Change],
}

/// Service, table, statement.
pub(crate) type Change = (&'static str, &'static str, &'static str);

/// The last event of an order is one version too far.
pub(crate) const HISTORY_WITH_A_GAP: Change = (
    "orders",
    "event_store.events",
    "UPDATE event_store.events SET version = version + 1
      WHERE type = 'order_finished' AND stream_id = (SELECT min(stream_id::text)::uuid FROM event_store.events)",
);

/// A reservation says that it was released, although it was committed.
pub(crate) const RESERVATION_RELEASED: Change = (
    "inventory",
    "inventory.reservations",
    "UPDATE inventory.reservations SET state = 'released'
      WHERE order_id = (SELECT order_id FROM inventory.reservations WHERE state = 'committed' LIMIT 1)",
);

/// The total of an order that was paid is another one.
pub(crate) const TOTAL_CHANGED: Change = (
    "orders",
    "event_store.events",
    "UPDATE event_store.events
        SET payload = convert_to(jsonb_set(convert_from(payload, 'UTF8')::jsonb, '{total,minor}', '1')::text, 'UTF8')
      WHERE type = 'order_placed' AND stream_id =
            (SELECT stream_id FROM event_store.events WHERE type = 'capture_noted' LIMIT 1)",
);

/// Both amounts of a payment that came to nothing are others: it stays balanced.
pub(crate) const AMOUNTS_CHANGED: Change = (
    "payment",
    "event_store.events",
    "UPDATE event_store.events
        SET payload = convert_to(jsonb_set(convert_from(payload, 'UTF8')::jsonb, '{amount,minor}', '1')::text, 'UTF8')
      WHERE type IN ('payment_authorized', 'payment_voided') AND stream_id =
            (SELECT stream_id FROM event_store.readable_events
              WHERE type = 'payment_voided' AND (payload -> 'amount' ->> 'minor')::bigint > 1 LIMIT 1)",
);

/// Each statement changes what exactly one invariant is about, so that a check that looks at something else shows.
const BREAKS: [Break; 15] = [
    Break {
        invariant: "every accepted order is finished in exactly one end state",
        changes: &[(
            "orders",
            "event_store.events",
            "INSERT INTO event_store.events
             SELECT stream_id, version + 1, type, schema_version, payload, metadata, recorded_at
               FROM event_store.events WHERE type = 'order_finished' LIMIT 1",
        )],
    },
    Break {
        invariant: "order histories have no gap in their versions",
        changes: &[HISTORY_WITH_A_GAP],
    },
    Break {
        invariant: "stock levels equal the sums of their movements, and none is negative",
        changes: &[(
            "inventory",
            "inventory.levels",
            "UPDATE inventory.levels SET available = available + 1 WHERE sku = (SELECT max(sku) FROM inventory.movements)",
        )],
    },
    Break {
        invariant: "reservations are committed if and only if the order is confirmed, released otherwise",
        changes: &[RESERVATION_RELEASED],
    },
    Break {
        invariant: "an order's movements sell exactly its units if confirmed, nothing otherwise",
        changes: &[(
            "inventory",
            "inventory.movements",
            "UPDATE inventory.movements SET order_id = NULL
              WHERE movement_id = (SELECT movement_id FROM inventory.movements WHERE sold_delta > 0 LIMIT 1)",
        )],
    },
    Break {
        invariant: "money authorised equals money captured plus money voided, for every order",
        changes: &[(
            "payment",
            "event_store.events",
            // As if the provider were asked once more: an operation without an outcome.
            "INSERT INTO event_store.events
             SELECT stream_id, (SELECT max(version) + 1 FROM event_store.events e WHERE e.stream_id = a.stream_id),
                    type, schema_version, payload, metadata, recorded_at
               FROM event_store.events a WHERE type = 'authorization_requested' LIMIT 1",
        )],
    },
    Break {
        invariant: "captured is exactly the order's total if confirmed, nothing otherwise",
        changes: &[TOTAL_CHANGED],
    },
    Break {
        invariant: "payment histories have no gap in their versions",
        changes: &[(
            "payment",
            "event_store.events",
            "UPDATE event_store.events SET version = version + 1
              WHERE (stream_id, version) IN
                    (SELECT stream_id, max(version) FROM event_store.events GROUP BY stream_id LIMIT 1)",
        )],
    },
    Break {
        invariant: "the provider's own books agree with payment's",
        changes: &[AMOUNTS_CHANGED],
    },
    Break {
        invariant: "the projection equals a fold of the published events",
        changes: &[(
            "projection",
            "projection.order_views",
            "UPDATE projection.order_views SET item_count = item_count + 1
              WHERE order_id = (SELECT order_id FROM projection.order_views LIMIT 1)",
        )],
    },
    Break {
        invariant: "timelines hold every published event exactly once",
        changes: &[(
            "projection",
            "projection.timeline",
            "DELETE FROM projection.timeline WHERE event_id = (SELECT event_id FROM projection.timeline LIMIT 1)",
        )],
    },
    Break {
        invariant: "every consumer's watermark equals the last sequence of its lane",
        changes: &[(
            "projection",
            "messaging.watermarks",
            "UPDATE messaging.watermarks SET sequence = sequence - 1
              WHERE input = (SELECT input FROM messaging.watermarks WHERE sequence > 0 LIMIT 1)",
        )],
    },
    Break {
        invariant: "nothing is unpublished",
        changes: &[(
            "payment",
            "messaging.published",
            "UPDATE messaging.published SET sequence = sequence - 1
              WHERE lane = (SELECT lane FROM messaging.published WHERE sequence > 0 LIMIT 1)",
        )],
    },
    Break {
        invariant: "nothing is parked",
        changes: &[
            (
                "projection",
                "messaging.parked_keys",
                "INSERT INTO messaging.parked_keys (consumer, key, partition, reason, cause)
                 SELECT consumer, gen_random_uuid(), partition, 'broken', 'broken'
                   FROM messaging.watermarks LIMIT 1",
            ),
            (
                "projection",
                "messaging.parked_messages",
                "INSERT INTO messaging.parked_messages (consumer, key, input, topic, source, partition, read_offset,
                                                        sequence, incarnation, id, message_type, happened_at, payload)
                 SELECT w.consumer, k.key, w.input, w.topic, w.source, w.partition, 0, 1, gen_random_uuid(),
                        gen_random_uuid(), 'broken', now(), ''
                   FROM messaging.watermarks w, messaging.parked_keys k LIMIT 1",
            ),
        ],
    },
    Break {
        invariant: "the topics hold every committed message, without a gap",
        // As if a message of payment had been published and applied, and the topic had lost it.
        changes: &[
            (
                "payment",
                "messaging.lane_heads",
                "UPDATE messaging.lane_heads SET next_sequence = next_sequence + 1
                  WHERE lane = (SELECT lane FROM messaging.lanes WHERE topic = 'payment.events.v1' AND partition = 3)",
            ),
            (
                "payment",
                "messaging.published",
                "UPDATE messaging.published SET sequence = sequence + 1
                  WHERE lane = (SELECT lane FROM messaging.lanes WHERE topic = 'payment.events.v1' AND partition = 3)",
            ),
            (
                "orders",
                "messaging.watermarks",
                "UPDATE messaging.watermarks SET sequence = sequence + 1
                  WHERE topic = 'payment.events.v1' AND partition = 3",
            ),
            (
                "projection",
                "messaging.watermarks",
                "UPDATE messaging.watermarks SET sequence = sequence + 1
                  WHERE topic = 'payment.events.v1' AND partition = 3",
            ),
        ],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_comes_to_what_the_file_says_and_every_broken_book_is_found() {
    // Refused captures leave payments that were authorised and voided.
    let bench = Bench::start(&["--capture-refused-rate=0.1"]).await;
    let plan = plan(300);
    bench.load(&plan).await;
    let outcome = bench.replay(&plan, in_flight(64), &Progress::default()).await;
    let proof = bench.settle(&plan, &outcome, 0).await;
    for (planned, order) in plan.orders.iter().zip(&outcome.orders) {
        if planned.payment_token.starts_with(DECLINED_TOKEN_PREFIX) {
            assert_ne!(order.state, OrderState::Finished(EndState::Confirmed), "{}", planned.invoice);
        }
        if order.state == OrderState::Finished(EndState::Cancelled(CancelReason::Customer)) {
            assert!(planned.cancels, "{} was cancelled by nobody", planned.invoice);
        }
    }
    assert!(outcome.cancelled(CancelReason::OutOfStock) > 0, "97 in a hundred units are there");

    let mut named: Vec<_> = proof.invariants.iter().map(|invariant| invariant.name).collect();
    let mut broken: Vec<_> = BREAKS.iter().map(|case| case.invariant).collect();
    named.sort_unstable();
    broken.sort_unstable();
    assert_eq!(named, broken, "every invariant has its break");

    assert_eq!(check(&bench), (Some(0), String::new()));
    for case in &BREAKS {
        break_and_mend(&bench, case).await;
    }
    assert_holds(&bench.prove().await);
    bench.stop().await;
}

async fn break_and_mend(bench: &Bench, case: &Break) {
    break_books(bench, case.changes).await;
    let access = bench.fleet.ground.access().expect("every service has a database");
    let proof = prove(&access).await.expect("the ledger can be drawn up");
    let violated: Vec<_> = proof.invariants.iter().filter(|invariant| invariant.violations > 0).collect();
    assert_eq!(
        violated.iter().map(|invariant| invariant.name).collect::<Vec<_>>(),
        [case.invariant],
        "{violated:#?}"
    );
    assert!(!violated[0].examples.is_empty(), "{}", case.invariant);
    let (code, told) = check(bench);
    assert_eq!(code, Some(1), "{}", case.invariant);
    assert!(told.starts_with(&format!("broken: {}\n", case.invariant)), "{told}");

    mend_books(bench, case.changes).await;
    assert_holds(&prove(&access).await.expect("the ledger can be drawn up"));
}

/// Makes changes that [`mend_books`] takes back.
pub(crate) async fn break_books(bench: &Bench, changes: &[Change]) {
    for (service, table, statement) in changes {
        let kept = format!("CREATE TABLE public.kept_{} AS TABLE {table}; {statement}", plain(table));
        bench.sql(service, kept).await;
    }
}

/// Backwards, because rows that were added may refer to those added before.
pub(crate) async fn mend_books(bench: &Bench, changes: &[Change]) {
    for (service, table, _) in changes.iter().rev() {
        let kept = format!("public.kept_{}", plain(table));
        let mend = format!(
            "BEGIN; DELETE FROM {table}; INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE {kept}; DROP TABLE {kept}; COMMIT"
        );
        bench.sql(service, mend).await;
    }
}

fn plain(table: &str) -> String {
    table.replace('.', "_")
}

/// The exit status of `bowline check`, and what it says is broken.
fn check(bench: &Bench) -> (Option<i32>, String) {
    tokio::task::block_in_place(|| {
        let output = Command::new(binary("bowline"))
            .args(["check", "--wait", "1ms", "--stack-dir"])
            .arg(bench.folder())
            .output()
            .expect("the tool runs");
        let told = String::from_utf8(output.stdout).expect("people read it");
        let broken = told.find("broken: ").map_or(String::new(), |at| told[at..].to_owned());
        (output.status.code(), broken)
    })
}
