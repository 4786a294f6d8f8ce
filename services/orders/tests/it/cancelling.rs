//! Cancelling before, during and after authorisation, and what is undone.

use bowline_contracts::orders::v1::{CancelReason, OrderStatus};
use bowline_contracts::topics::{INVENTORY_COMMANDS, ORDERS_EVENTS, PARTITIONS, PAYMENT_COMMANDS};
use bowline_contracts::{inventory, partition, payment};
use bowline_orders::app::reply::Reply;
use prost::Message as _;

use crate::reactions::{
    nothing_voided, payment_authorized, payment_captured, payment_declined, payment_voided, stock_committed,
    stock_released, stock_reserved,
};
use crate::stage::{Stage, cancel, new_request, place, refusal, types};

#[tokio::test]
async fn a_cancellation_sends_what_undoes_it_to_the_lanes_of_the_order() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    let request = new_request();
    let executed = replica.ask(vec![cancel(request, order)]).await;
    let [Reply::Done(view)] = &executed.replies[..] else { panic!("{:?}", executed.replies) };
    assert_eq!((view.status(), view.cancel_reason()), (OrderStatus::Cancelled, CancelReason::Customer));
    assert_eq!((view.version, view.finished), (2, false));

    let messages: Vec<_> = executed.sent.iter().map(|sequenced| &sequenced.message).collect();
    assert_eq!(types(&executed.sent), ["OrderCancelled", "ReleaseStock", "VoidPayment"]);
    let topics: Vec<_> = messages.iter().map(|message| message.topic.name).collect();
    assert_eq!(topics, [ORDERS_EVENTS.name, INVENTORY_COMMANDS.name, PAYMENT_COMMANDS.name]);
    for message in &messages {
        assert_eq!(message.key, order.uuid());
        assert_eq!(message.partition, partition::of_key(order.uuid(), PARTITIONS));
    }
    assert_eq!(messages[0].causation, Some(request.uuid()));
    assert_eq!([messages[1].causation, messages[2].causation], [Some(messages[0].id); 2]);
    assert!(messages[1].id != messages[0].id && messages[1].id != messages[2].id);
    let release = inventory::v1::ReleaseStock::decode(messages[1].payload.clone()).unwrap();
    let void = payment::v1::VoidPayment::decode(messages[2].payload.clone()).unwrap();
    assert_eq!([release.order_id, void.order_id], [order.to_string(), order.to_string()]);
}

#[tokio::test]
async fn messages_carry_the_id_of_their_event_and_name_the_report_that_led_to_them() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    let report = payment_declined(order);
    let (cause, trace) = (report.envelope.id, report.envelope.traceparent.clone());
    let sent = replica.hear(vec![report]).await;
    assert_eq!((sent[0].message.causation, &sent[0].message.traceparent), (Some(cause), &trace));
    assert_eq!((sent[1].message.causation, &sent[1].message.traceparent), (Some(sent[0].message.id), &trace));
    let stored: serde_json::Value = sqlx::query_scalar(
        "SELECT metadata FROM event_store.readable_events WHERE stream_id = $1 AND version = 2",
    )
    .bind(order.uuid())
    .fetch_one(&mut stage.owner().await)
    .await
    .unwrap();
    assert_eq!(stored["event_id"], sent[0].message.id.to_string());
    assert_eq!(stored["causation_id"], cause.to_string());
}

#[tokio::test]
async fn cancelled_before_anything_is_arranged_it_finishes_with_both_answers() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    replica.cancel(order).await;
    assert_eq!(types(&replica.hear(vec![nothing_voided(order)]).await), [""; 0]);
    assert_eq!(types(&replica.hear(vec![stock_released(order)]).await), ["OrderFinished"]);
}

#[tokio::test]
async fn cancelled_in_the_batch_that_places_it() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = crate::stage::new_order();
    let executed = replica.ask(vec![place(new_request(), order), cancel(new_request(), order)]).await;
    assert!(matches!(executed.replies[..], [Reply::Done(_), Reply::Done(_)]), "{:?}", executed.replies);
    assert_eq!(types(&executed.sent), ["OrderPlaced", "OrderCancelled", "ReleaseStock", "VoidPayment"]);
}

#[tokio::test]
async fn cancelled_while_the_authorisation_is_under_way_it_stays_cancelled() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    replica.hear(vec![stock_reserved(order)]).await;
    let (reply, sent) = replica.cancel(order).await;
    assert!(matches!(reply, Reply::Done(_)), "{reply:?}");
    assert_eq!(types(&sent), ["OrderCancelled", "ReleaseStock", "VoidPayment"]);
    // The authorisation comes too late; the void lets go of it.
    assert_eq!(types(&replica.hear(vec![payment_authorized(order)]).await), [""; 0]);
    assert_eq!(types(&replica.hear(vec![payment_voided(order)]).await), [""; 0]);
    assert_eq!(types(&replica.hear(vec![stock_released(order)]).await), ["OrderFinished"]);
}

#[tokio::test]
async fn of_a_cancellation_and_a_confirmation_in_one_batch_exactly_one_wins() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    let mut batch = replica.brought(vec![payment_authorized(order)]).await;
    batch.commands = vec![cancel(new_request(), order)];
    let executed = replica.execute(&batch).await.unwrap();
    assert!(matches!(executed.replies[..], [Reply::Done(_)]), "{:?}", executed.replies);
    assert_eq!(types(&executed.sent), ["OrderCancelled", "ReleaseStock", "VoidPayment"]);
}

#[tokio::test]
async fn after_the_confirmation_it_is_refused_and_nothing_is_undone() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    replica.hear(vec![payment_authorized(order)]).await;
    let (reply, sent) = replica.cancel(order).await;
    assert_eq!(refusal(reply).reason, "ORDER_ALREADY_CONFIRMED");
    assert!(sent.is_empty());
    let sent = replica.hear(vec![stock_committed(order), payment_captured(order)]).await;
    assert_eq!(types(&sent), ["OrderFinished"]);
}

#[tokio::test]
async fn a_second_cancellation_is_told_so() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    replica.cancel(order).await;
    let (reply, sent) = replica.cancel(order).await;
    assert_eq!(refusal(reply).reason, "ORDER_ALREADY_CANCELLED");
    assert!(sent.is_empty());
}
