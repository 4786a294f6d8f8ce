//! Replicas that execute commands about the same orders at the same time: forwarding makes that rare, not impossible.

use bowline_kernel::OrderId;
use bowline_orders::app::command::Command;
use bowline_orders::app::reply::{Expired, Reply};

use crate::stage::{Replica, Stage, cancel, expire, new_order, new_request, place, refusal};

const ORDERS: usize = 48;
const BATCH: usize = 8;
const ROUNDS: usize = 4;

/// Cancels all of these, a few in each transaction; the replies by order.
async fn cancel_all(replica: &mut Replica, orders: &[OrderId]) -> Vec<(OrderId, Reply)> {
    let mut replies = Vec::new();
    for batch in orders.chunks(BATCH) {
        let commands = batch.iter().map(|order| cancel(new_request(), *order)).collect();
        replies.extend(batch.iter().copied().zip(replica.ask(commands).await.replies));
    }
    replies.sort_by_key(|(order, _)| *order);
    replies
}

/// A deadline of a version that never was has no effect, but the order is in memory then.
async fn remember(replica: &mut Replica, orders: &[OrderId]) {
    let replies = replica.ask(orders.iter().map(|order| expire(*order, 99)).collect()).await.replies;
    assert!(replies.iter().all(|reply| matches!(reply, Reply::Expired(Expired::OutOfDate))), "{replies:?}");
}

#[tokio::test]
async fn orders_that_two_replicas_cancel_at_once_are_cancelled_once_each() {
    let stage = Stage::create().await;
    let (mut here, mut there) = (stage.replica().await, stage.replica().await);
    for _ in 0..ROUNDS {
        let orders: Vec<OrderId> = std::iter::repeat_with(new_order).take(ORDERS).collect();
        let placing: Vec<Command> = orders.iter().map(|order| place(new_request(), *order)).collect();
        here.ask(placing).await;
        remember(&mut there, &orders).await;
        // From both ends, so that each comes first to some and second to others.
        let reversed: Vec<OrderId> = orders.iter().rev().copied().collect();
        let (one, other) = tokio::join!(cancel_all(&mut here, &orders), cancel_all(&mut there, &reversed));
        for ((order, one), (same, other)) in one.into_iter().zip(other) {
            assert_eq!(order, same);
            let (done, refused) = if matches!(one, Reply::Done(_)) { (one, other) } else { (other, one) };
            assert!(matches!(done, Reply::Done(_)), "{done:?}");
            assert_eq!(refusal(refused).reason, "ORDER_ALREADY_CANCELLED");
            assert_eq!(stage.history(order).await, ["order_placed", "order_cancelled"]);
        }
    }
}

#[tokio::test]
async fn one_request_on_two_replicas_at_once_takes_effect_once() {
    let stage = Stage::create().await;
    let (mut here, mut there) = (stage.replica().await, stage.replica().await);
    for _ in 0..ORDERS {
        let order = here.placed().await;
        remember(&mut there, &[order]).await;
        let request = new_request();
        let (mut one, mut other) =
            tokio::join!(here.ask(vec![cancel(request, order)]), there.ask(vec![cancel(request, order)]));
        let replies = [one.replies.remove(0), other.replies.remove(0)];
        let first = replies.iter().filter(|reply| matches!(reply, Reply::Done(_))).count();
        let second = replies.iter().filter(|reply| matches!(reply, Reply::DoneBefore(_))).count();
        assert_eq!((first, second), (1, 1), "{replies:?}");
        assert_eq!(one.sent.len() + other.sent.len(), 3, "what undoes it is sent once");
    }
}
