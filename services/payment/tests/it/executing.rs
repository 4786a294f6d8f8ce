//! Messages and outcomes in, events and operations out, in one transaction.

use bowline_contracts::common::v1::Money;
use bowline_contracts::events::{PaymentEvent, Published as _};
use bowline_contracts::topics::PARTITIONS;
use bowline_contracts::{partition, payment};
use bowline_golden::with_later_fields;
use bowline_kernel::OrderId;
use bowline_messaging::ExecuteError;
use bowline_payment::app::record_outcome::{Outcome, RecordOutcome};
use bowline_payment_domain::{FailedCalls, Status};
use bowline_payment_simulator::Switches;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::neighbours::{message, new_order, order_confirmed, stock_reserved, void_payment};
use crate::stage::Stage;

fn outcome(order_id: OrderId, outcome: Outcome) -> RecordOutcome {
    let partition = partition::of_key(order_id.uuid(), PARTITIONS);
    let failed_calls = FailedCalls::default();
    let causation = Some(Uuid::from_u128(7));
    RecordOutcome { order_id, partition, outcome, failed_calls, causation, traceparent: None }
}

fn authorized() -> Outcome {
    Outcome::Authorized { provider_reference: "ch_1".parse().unwrap() }
}

async fn status(stage: &Stage, order: OrderId) -> Option<Status> {
    stage.payment(order).await.and_then(|payment| payment.state.status())
}

#[tokio::test]
async fn an_operation_is_open_from_the_event_that_asks_to_the_event_that_answers() {
    let stage = Stage::new(Switches::default()).await;
    let mut replica = stage.doomed_replica().await;
    let order = new_order();
    let steps: [(&str, i64, Status); 4] = [
        ("reserved", 1, Status::Authorizing),
        ("authorized", 0, Status::Authorized),
        ("confirmed", 1, Status::Capturing),
        ("captured", 0, Status::Captured),
    ];
    for (step, open, expected) in steps {
        match step {
            "reserved" => replica.hear(vec![stock_reserved(order, "tok_visa")]).await,
            "authorized" => replica.record(vec![outcome(order, authorized())]).await,
            "confirmed" => replica.hear(vec![order_confirmed(order)]).await,
            _ => replica.record(vec![outcome(order, Outcome::Captured)]).await,
        }
        assert_eq!(stage.open_operations(order).await, open, "{step}");
        assert_eq!(status(&stage, order).await, Some(expected), "{step}");
    }
    let told = stage.told(order).await;
    assert!(matches!(&told[..], [PaymentEvent::Authorized(_), PaymentEvent::Captured(_)]), "{told:?}");
}

#[tokio::test]
async fn a_payment_goes_on_from_its_snapshot() {
    let stage = Stage::new(Switches::default()).await;
    let order = new_order();
    stage.doomed_replica().await.hear(vec![stock_reserved(order, "tok_visa")]).await;
    stage.doomed_replica().await.record(vec![outcome(order, authorized())]).await;
    // Nobody needs the events that the snapshot contains any more.
    sqlx::query("UPDATE event_store.events SET payload = '' WHERE version = 1")
        .execute(&mut PgConnection::connect(&stage.urls().owner).await.unwrap())
        .await
        .unwrap();
    stage.doomed_replica().await.hear(vec![order_confirmed(order)]).await;
    stage.doomed_replica().await.record(vec![outcome(order, Outcome::Captured)]).await;

    let snapshots: Vec<(Uuid, i32)> = sqlx::query_as("SELECT stream_id, version FROM event_store.snapshots")
        .fetch_all(&mut *stage.database.acquire().await.unwrap())
        .await
        .unwrap();
    assert_eq!(snapshots, [(order.uuid(), 4)]);
    let told = stage.told(order).await;
    assert!(matches!(&told[..], [PaymentEvent::Authorized(_), PaymentEvent::Captured(_)]), "{told:?}");
}

#[tokio::test]
async fn a_void_before_anything_leaves_a_tombstone() {
    let stage = Stage::new(Switches::default()).await;
    let mut replica = stage.doomed_replica().await;
    let order = new_order();
    replica.hear(vec![void_payment(order), stock_reserved(order, "tok_visa")]).await;
    replica.hear(vec![void_payment(order)]).await;

    assert_eq!((status(&stage, order).await, stage.open_operations(order).await), (Some(Status::Voided), 0));
    let told = stage.told(order).await;
    let [PaymentEvent::Voided(voided)] = &told[..] else { panic!("{told:?}") };
    assert_eq!(voided.amount, Some(Money { currency_code: String::new(), amount_minor: 0 }));
}

#[tokio::test]
async fn an_outcome_that_is_late_or_repeated_has_no_effect() {
    let stage = Stage::new(Switches::default()).await;
    let mut replica = stage.doomed_replica().await;
    let order = new_order();
    let declined = Outcome::Declined { reason: "card_lost".parse().unwrap() };
    // Nobody has asked for this one yet.
    replica.record(vec![outcome(order, authorized())]).await;
    assert_eq!(status(&stage, order).await, None);

    replica.hear(vec![stock_reserved(order, "tok_visa")]).await;
    replica.record(vec![outcome(order, authorized()), outcome(order, authorized())]).await;
    let version = stage.payment(order).await.unwrap().version;
    replica.record(vec![outcome(order, declined), outcome(order, Outcome::Captured)]).await;
    // A process that remembers nothing sees it the same way.
    stage.doomed_replica().await.record(vec![outcome(order, authorized())]).await;

    assert_eq!(stage.payment(order).await.unwrap().version, version);
    assert_eq!(stage.told(order).await.len(), 1);
}

#[tokio::test]
async fn a_message_that_cannot_be_applied_is_named_and_nothing_is_written() {
    let stage = Stage::new(Switches::default()).await;
    let mut replica = stage.doomed_replica().await;
    let (good, odd) = (new_order(), new_order());
    let other_order = payment::v1::VoidPayment { order_id: good.to_string() };
    let mut garbled = stock_reserved(odd, "tok_visa");
    garbled.payload = vec![0xff].into();
    for culprit in [
        message(odd, &other_order),
        garbled,
        stock_reserved(odd, ""),
        // No path of the saga leads here: a message is lost, or orders is wrong.
        order_confirmed(odd),
    ] {
        let error = replica.try_hear(vec![stock_reserved(good, "tok_visa"), culprit]).await.unwrap_err();
        assert!(matches!(error, ExecuteError::Poison { message: 1, .. }), "{error}");
        assert_eq!((status(&stage, good).await, stage.open_operations(good).await), (None, 0));
    }
    // The rest goes on without it.
    replica.hear(vec![stock_reserved(good, "tok_visa")]).await;
    assert_eq!(status(&stage, good).await, Some(Status::Authorizing));
}

#[tokio::test]
async fn what_a_newer_sender_adds_is_passed_over() {
    let stage = Stage::new(Switches::default()).await;
    let mut replica = stage.doomed_replica().await;
    let order = new_order();
    let mut of_another_type = stock_reserved(order, "tok_visa");
    of_another_type.envelope.message_type = "bowline.inventory.v1.StockCounted".into();
    of_another_type.payload = vec![0xff].into();
    replica.hear(vec![of_another_type]).await;
    assert_eq!(status(&stage, order).await, None);

    let newer = |mut message: bowline_messaging::Incoming| {
        message.payload = with_later_fields(&message.payload).into();
        message
    };
    replica.hear(vec![newer(stock_reserved(order, "tok_visa"))]).await;
    assert_eq!(status(&stage, order).await, Some(Status::Authorizing));
    replica.record(vec![outcome(order, authorized())]).await;
    replica.hear(vec![newer(order_confirmed(order))]).await;
    assert_eq!(status(&stage, order).await, Some(Status::Capturing));
    let unknown = new_order();
    replica.hear(vec![newer(void_payment(unknown))]).await;
    assert_eq!(status(&stage, unknown).await, Some(Status::Voided));
}

#[tokio::test]
async fn what_is_told_names_its_cause() {
    let stage = Stage::new(Switches::default()).await;
    let mut replica = stage.doomed_replica().await;
    let order = new_order();
    replica.hear(vec![stock_reserved(order, "tok_visa")]).await;
    replica.record(vec![outcome(order, authorized())]).await;
    replica.hear(vec![order_confirmed(order)]).await;
    let refused = Outcome::CaptureRefused { reason: "capture_refused_by_issuer".parse().unwrap() };
    replica.record(vec![outcome(order, refused)]).await;

    let failed: Uuid = sqlx::query_scalar("SELECT id FROM messaging.outbox WHERE message_type = $1")
        .bind(payment::v1::PaymentCaptureFailed::TYPE)
        .fetch_one(&mut *stage.database.acquire().await.unwrap())
        .await
        .unwrap();
    // The void that nobody asked for answers the failure.
    let cause: Option<Uuid> =
        sqlx::query_scalar("SELECT causation FROM payment.operations WHERE operation = 3")
            .fetch_one(&mut *stage.database.acquire().await.unwrap())
            .await
            .unwrap();
    assert_eq!(cause, Some(failed));
}
