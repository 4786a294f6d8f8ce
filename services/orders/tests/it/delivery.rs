//! Duplicates, poison, foreign writers and transactions that fail: nothing lost, nothing twice, nothing by half.

use bowline_contracts::partition;
use bowline_contracts::topics::{INVENTORY_EVENTS, PARTITIONS, PAYMENT_EVENTS};
use bowline_golden::with_later_fields;
use bowline_messaging::{Batch, ExecuteError};
use bowline_orders::app::reply::Reply;

use crate::reactions::{payment_authorized, payment_captured, stock_released, stock_reserved};
use crate::stage::{Stage, cancel, message, new_order, new_request, place, raw, refusal, types};

/// Index and reason of the message that a batch failed with.
#[track_caller]
fn poison(error: ExecuteError) -> (usize, String) {
    match error {
        ExecuteError::Poison { message, reason } => (message, reason),
        other => panic!("expected poison, got {other:?}"),
    }
}

#[tokio::test]
async fn a_message_below_the_watermark_takes_no_effect() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let (order, other) = (replica.placed().await, replica.placed().await);
    let batch = replica.brought(vec![payment_authorized(order)]).await;
    // Another message for the same place in the lane.
    let mut rival = payment_authorized(other);
    rival.partition = partition::of_key(order.uuid(), PARTITIONS);
    let rival = replica.brought(vec![rival]).await;
    assert_eq!(types(&replica.execute(&batch).await.unwrap().sent), ["OrderConfirmed"]);
    // What another replica, or this one after a lost answer, is given again. The rival shows that it is the watermark
    // that tells, not the state of the order.
    let mut late = stage.replica().await;
    for below in [&batch, &rival] {
        assert!(replica.execute(below).await.unwrap().sent.is_empty());
        assert!(late.execute(below).await.unwrap().sent.is_empty());
    }
    assert_eq!(stage.history(order).await, ["order_placed", "order_confirmed"]);
    assert_eq!(stage.history(other).await, ["order_placed"]);
}

#[tokio::test]
async fn a_lane_that_is_left_out_does_not_hold_the_others() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    let overtaken = replica.brought(vec![payment_authorized(order), stock_reserved(order)]).await;
    replica.hear(vec![payment_authorized(order)]).await;
    let executed = replica.execute(&overtaken).await.unwrap();
    assert!(executed.sent.is_empty());
    // Payment's lane had been advanced; inventory's was not, and its message is decided: late, so nothing new.
    let admitted: Vec<usize> = overtaken.admitted(&executed.admission).map(|(index, _)| index).collect();
    assert_eq!(admitted, [1]);
    let watermark: i64 = sqlx::query_scalar(
        "SELECT max(sequence) FROM messaging.watermarks WHERE topic = 'inventory.events.v1'",
    )
    .fetch_one(&mut stage.owner().await)
    .await
    .unwrap();
    assert_eq!(watermark, 1);
}

#[tokio::test]
async fn an_undecodable_message_is_named_and_the_others_apply_without_it() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let (first, second, third) = (replica.placed().await, replica.placed().await, replica.placed().await);
    let garbage = raw(second, &PAYMENT_EVENTS, "bowline.payment.v1.PaymentAuthorized", vec![0xff]);
    let before = stage.counts().await;
    let batch = replica.brought(vec![payment_authorized(first), garbage, payment_authorized(third)]).await;
    let (culprit, reason) = poison(replica.execute(&batch).await.unwrap_err());
    assert_eq!(culprit, 1, "{reason}");
    assert_eq!(stage.counts().await, before);
    let sent = replica.hear(vec![payment_authorized(first), payment_authorized(third)]).await;
    assert_eq!(types(&sent), ["OrderConfirmed", "OrderConfirmed"]);
}

#[tokio::test]
async fn an_impossible_report_is_named_and_takes_nothing_with_it() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let (first, second) = (replica.placed().await, replica.placed().await);
    let before = stage.counts().await;
    let batch = replica.brought(vec![payment_authorized(first), stock_released(second)]).await;
    let (culprit, reason) = poison(replica.execute(&batch).await.unwrap_err());
    assert_eq!((culprit, reason.as_str()), (1, "stock_released is impossible for an order that is pending"));
    assert_eq!(stage.counts().await, before);
    assert_eq!(types(&replica.hear(vec![payment_authorized(first)]).await), ["OrderConfirmed"]);
}

#[tokio::test]
async fn money_that_contradicts_the_order_is_poison() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    let contracts = |amount| bowline_contracts::payment::v1::PaymentAuthorized {
        order_id: order.to_string(),
        amount,
        ..Default::default()
    };
    let money = |code: &str, amount_minor| {
        Some(bowline_contracts::common::v1::Money { currency_code: code.into(), amount_minor })
    };
    for wrong in [money("GBP", 764), money("EUR", 765), money("pounds", 765), None] {
        let batch = replica.brought(vec![message(order, &contracts(wrong.clone()))]).await;
        let (culprit, reason) = poison(replica.execute(&batch).await.unwrap_err());
        assert_eq!(culprit, 0, "{wrong:?}: {reason}");
    }
    assert_eq!(stage.history(order).await, ["order_placed"]);
}

#[tokio::test]
async fn a_message_whose_key_is_another_order_is_poison() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let (order, other) = (replica.placed().await, replica.placed().await);
    let mut forged = payment_authorized(order);
    forged.payload = payment_authorized(other).payload;
    let batch = replica.brought(vec![forged]).await;
    let (_, reason) = poison(replica.execute(&batch).await.unwrap_err());
    assert!(reason.contains(&order.to_string()) && reason.contains(&other.to_string()), "{reason}");
}

#[tokio::test]
async fn a_type_of_a_newer_sender_only_moves_the_watermark() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    let unknown = raw(order, &INVENTORY_EVENTS, "bowline.inventory.v1.StockCounted", vec![0xff]);
    let batch = replica.brought(vec![unknown, stock_reserved(order)]).await;
    assert!(replica.execute(&batch).await.unwrap().sent.is_empty());
    assert_eq!(stage.history(order).await, ["order_placed", "stock_reservation_noted"]);
    let again = replica.execute(&batch).await.unwrap();
    assert_eq!(batch.admitted(&again.admission).count(), 0);
}

#[tokio::test]
async fn fields_of_a_newer_sender_are_passed_over_on_every_topic() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    let newer = |mut incoming: bowline_messaging::Incoming| {
        incoming.payload = with_later_fields(&incoming.payload).into();
        incoming
    };
    let unknown = raw(order, &PAYMENT_EVENTS, "bowline.payment.v1.PaymentCounted", vec![0xff]);
    let sent =
        replica.hear(vec![newer(stock_reserved(order)), unknown, newer(payment_authorized(order))]).await;
    assert_eq!(types(&sent), ["OrderConfirmed"]);
}

/// Without the count of writes of a partition, the first replica would decide from what it had cached.
#[tokio::test]
async fn what_another_replica_has_written_is_seen() {
    let stage = Stage::create().await;
    let (mut here, mut there) = (stage.replica().await, stage.replica().await);
    let order = here.placed().await;
    assert_eq!(types(&there.hear(vec![payment_authorized(order)]).await), ["OrderConfirmed"]);
    let (reply, sent) = here.cancel(order).await;
    assert_eq!(refusal(reply).reason, "ORDER_ALREADY_CONFIRMED");
    assert!(sent.is_empty());
    assert_eq!(types(&here.hear(vec![payment_captured(order)]).await), [""; 0]);
    let (reply, _) = there.cancel(order).await;
    assert_eq!(refusal(reply).reason, "ORDER_ALREADY_CONFIRMED");
    assert_eq!(stage.history(order).await, ["order_placed", "order_confirmed", "capture_noted"]);
}

#[tokio::test]
async fn a_failure_of_the_last_statement_leaves_nothing_behind() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    let before = stage.counts().await;
    // Without its head, a lane takes no message: the last statement of the transaction fails.
    let mut owner = stage.owner().await;
    sqlx::raw_sql(
        "CREATE TABLE public.heads AS SELECT h.* FROM messaging.lane_heads h JOIN messaging.lanes l USING (lane)
          WHERE l.topic = 'payment.commands.v1';
         DELETE FROM messaging.lane_heads h USING public.heads g WHERE h.lane = g.lane",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    let request = new_request();
    let neighbour = new_order();
    let commands = || vec![place(new_request(), neighbour), cancel(request, order)];
    let error = replica.execute(&Batch::of_commands(commands())).await.unwrap_err();
    assert!(matches!(error, ExecuteError::Failed(_)), "{error:?}");
    assert_eq!(stage.counts().await, before);

    sqlx::raw_sql("INSERT INTO messaging.lane_heads SELECT * FROM public.heads")
        .execute(&mut owner)
        .await
        .unwrap();
    // The replica remembers nothing of the failure either: the order is not yet cancelled, the other not yet placed.
    let executed = replica.ask(commands()).await;
    assert!(matches!(executed.replies[..], [Reply::Done(_), Reply::Done(_)]), "{:?}", executed.replies);
    assert_eq!(types(&executed.sent), ["OrderPlaced", "OrderCancelled", "ReleaseStock", "VoidPayment"]);
    let (events, messages, answers) = stage.counts().await;
    assert_eq!((events, messages, answers), (before.0 + 2, before.1 + 4, before.2 + 2));
    assert_eq!(stage.history(order).await, ["order_placed", "order_cancelled"]);
}

#[tokio::test]
async fn events_are_append_only_for_the_service() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    replica.placed().await;
    for forbidden in ["UPDATE event_store.events SET type = 'other'", "DELETE FROM event_store.events"] {
        let refused = replica.sql(forbidden).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{forbidden}");
    }
}
