//! Deadlines as they are stored, and what they lead to in the executor's transaction.

use bowline_contracts::events::OrdersEvent;
use bowline_contracts::orders::v1::CancelReason;
use bowline_messaging::Batch;
use bowline_orders::app::reply::{Expired, Reply};
use chrono::TimeDelta;

use crate::reactions::{
    payment_authorized, payment_declined, payment_voided, stock_rejected, stock_released, stock_reserved,
};
use crate::stage::{Stage, UNITS, cancel, expire, new_order, new_request, now, place, types};

/// What the commands of a batch, all of them deadlines, led to.
#[track_caller]
fn expired(replies: &[Reply]) -> Vec<Expired> {
    let outcome = |reply: &Reply| match reply {
        Reply::Expired(expired) => *expired,
        other => panic!("expected the reply to a deadline, got {other:?}"),
    };
    replies.iter().map(outcome).collect()
}

#[tokio::test]
async fn a_deadline_is_set_moved_and_deleted_with_the_steps_of_its_order() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    assert_eq!(stage.deadlines().await, [(order, 1, 1, now() + TimeDelta::minutes(5))]);
    replica.hear(vec![stock_reserved(order)]).await;
    assert_eq!(stage.deadlines().await, [(order, 2, 2, now() + TimeDelta::minutes(10))]);
    // Late or repeated: nothing changes.
    replica.hear(vec![stock_reserved(order)]).await;
    assert_eq!(stage.deadlines().await.len(), 1);
    replica.hear(vec![payment_authorized(order)]).await;
    assert_eq!(stage.deadlines().await, []);
}

#[tokio::test]
async fn every_way_out_of_pending_deletes_the_deadline() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let mut orders = Vec::new();
    for _ in 0..5 {
        orders.push(replica.placed().await);
    }
    let [authorized, declined, rejected, cancelled, pending] = orders[..] else { unreachable!() };
    assert_eq!(stage.deadlines().await.len(), 5);
    replica
        .hear(vec![payment_authorized(authorized), payment_declined(declined), stock_rejected(rejected)])
        .await;
    replica.cancel(cancelled).await;
    assert_eq!(stage.deadlines().await, [(pending, 1, 1, now() + TimeDelta::minutes(5))]);
    // Placed and given up in one batch: there is never one.
    let order = new_order();
    replica.ask(vec![place(new_request(), order), cancel(new_request(), order)]).await;
    assert_eq!(stage.deadlines().await.len(), 1);
}

#[tokio::test]
async fn deadlines_are_stored_with_the_events_or_not_at_all() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    let before = stage.deadlines().await;
    // The last statement of the transaction fails.
    let mut owner = stage.owner().await;
    sqlx::raw_sql(
        "CREATE TABLE public.heads AS TABLE messaging.lane_heads; DELETE FROM messaging.lane_heads",
    )
    .execute(&mut owner)
    .await
    .unwrap();
    let commands = vec![place(new_request(), new_order()), cancel(new_request(), order)];
    replica.execute(&Batch::of_commands(commands)).await.unwrap_err();
    replica.execute(&Batch::of_commands(vec![expire(order, 1)])).await.unwrap_err();
    assert_eq!(stage.deadlines().await, before);
    sqlx::raw_sql("INSERT INTO messaging.lane_heads TABLE public.heads").execute(&mut owner).await.unwrap();
    assert_eq!(expired(&replica.ask(vec![expire(order, 1)]).await.replies), [Expired::Cancelled]);
    assert_eq!(stage.deadlines().await, []);
}

#[tokio::test]
async fn a_deadline_cancels_its_order_and_has_everything_undone() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    let executed = replica.ask(vec![expire(order, 1)]).await;
    assert_eq!(expired(&executed.replies), [Expired::Cancelled]);
    assert_eq!(types(&executed.sent), ["OrderCancelled", "ReleaseStock", "VoidPayment"]);
    let message = &executed.sent[0].message;
    let event = OrdersEvent::decode(message.message_type, &message.payload).unwrap().unwrap();
    let OrdersEvent::Cancelled(event) = event else { panic!("{event:?}") };
    assert_eq!(event.reason(), CancelReason::Deadline);
}

#[tokio::test]
async fn what_arrives_after_the_deadline_is_undone_too() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let order = replica.placed().await;
    replica.ask(vec![expire(order, 1)]).await;
    // Both neighbours did their part before they heard of the cancellation, and undo it then.
    let late =
        vec![stock_reserved(order), payment_authorized(order), stock_released(order), payment_voided(order)];
    assert_eq!(types(&replica.hear(late).await), ["OrderFinished"]);
    let history = ["order_placed", "order_cancelled", "stock_release_noted", "void_noted", "order_finished"];
    assert_eq!(stage.history(order).await, history);
    let units: i64 = sqlx::query_scalar(
        "SELECT (convert_from(payload, 'UTF8')::json->>'units')::bigint FROM event_store.events
          WHERE type = 'stock_release_noted'",
    )
    .fetch_one(&mut stage.owner().await)
    .await
    .unwrap();
    assert_eq!(units.unsigned_abs(), UNITS);
    assert_eq!(stage.deadlines().await, []);
}

#[tokio::test]
async fn a_deadline_of_an_earlier_step_has_no_effect() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let (reserved, confirmed, cancelled) =
        (replica.placed().await, replica.placed().await, replica.placed().await);
    replica.hear(vec![stock_reserved(reserved), payment_authorized(confirmed)]).await;
    replica.cancel(cancelled).await;
    let deadlines = stage.deadlines().await;
    let late = [reserved, confirmed, cancelled, new_order()].map(|order| expire(order, 1));
    let executed = replica.ask(late.into()).await;
    assert_eq!(expired(&executed.replies), [Expired::OutOfDate; 4]);
    assert!(executed.sent.is_empty());
    assert_eq!(stage.history(reserved).await, ["order_placed", "stock_reservation_noted"]);
    assert_eq!(stage.deadlines().await, deadlines, "the deadline of the present step stays");
}

#[tokio::test]
async fn a_deadline_that_two_replicas_fire_takes_effect_once() {
    let stage = Stage::create().await;
    let (mut here, mut there) = (stage.replica().await, stage.replica().await);
    let order = here.placed().await;
    let (first, second) =
        tokio::join!(here.ask(vec![expire(order, 1)]), there.ask(vec![expire(order, 1), expire(order, 1)]));
    let mut all = [expired(&first.replies), expired(&second.replies)].concat();
    all.sort_unstable_by_key(|expired| *expired == Expired::OutOfDate);
    assert_eq!(all, [Expired::Cancelled, Expired::OutOfDate, Expired::OutOfDate]);
    assert_eq!(first.sent.len() + second.sent.len(), 3);
    assert_eq!(stage.history(order).await, ["order_placed", "order_cancelled"]);
}

#[tokio::test]
async fn replies_come_in_the_order_of_the_commands() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let (late, unknown) = (replica.placed().await, new_order());
    let key = new_request();
    let order = new_order();
    let commands = vec![
        expire(late, 1),
        place(key, order),
        expire(unknown, 1),
        cancel(new_request(), unknown),
        place(key, order),
    ];
    let replies = replica.ask(commands).await.replies;
    assert!(
        matches!(
            replies[..],
            [
                Reply::Expired(Expired::Cancelled),
                Reply::Done(_),
                Reply::Expired(Expired::OutOfDate),
                Reply::NotFound,
                Reply::Done(_)
            ]
        ),
        "{replies:?}"
    );
}

#[tokio::test]
async fn a_row_that_fits_no_order_goes_away() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    let (gone, confirmed, pending) = (new_order(), replica.placed().await, replica.placed().await);
    replica.hear(vec![payment_authorized(confirmed)]).await;
    let mut owner = stage.owner().await;
    for order in [gone, confirmed] {
        sqlx::query("INSERT INTO orders.deadlines VALUES ($1, 0, 1, 1, now())")
            .bind(order.uuid())
            .execute(&mut owner)
            .await
            .unwrap();
    }
    sqlx::raw_sql("UPDATE orders.deadlines SET fence = 7").execute(&mut owner).await.unwrap();
    replica.ask([gone, confirmed, pending].map(|order| expire(order, 7)).into()).await;
    assert_eq!(stage.deadlines().await, [(pending, 1, 1, now() + TimeDelta::minutes(5))]);
}

#[tokio::test]
async fn the_service_may_change_deadlines_and_the_auditor_only_read_them() {
    let stage = Stage::create().await;
    let mut replica = stage.replica().await;
    for forbidden in
        ["TRUNCATE orders.deadlines", "DROP TABLE orders.deadlines", "CREATE TABLE orders.more ()"]
    {
        let refused = replica.sql(forbidden).await.unwrap_err();
        assert_eq!(refused.as_database_error().unwrap().code().unwrap(), "42501", "{forbidden}");
    }
    let (reads, writes): (bool, bool) = sqlx::query_as(
        "SELECT has_table_privilege('bowline_auditor_role', 'orders.deadlines', 'SELECT'),
                has_table_privilege('bowline_auditor_role', 'orders.deadlines', 'INSERT, UPDATE, DELETE')",
    )
    .fetch_one(&mut stage.owner().await)
    .await
    .unwrap();
    assert_eq!((reads, writes), (true, false));
}
