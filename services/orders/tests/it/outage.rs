//! PostgreSQL goes away and comes back.

use std::time::Duration;

use bowline_orders::bootstrap;
use bowline_test_support::eventually;
use tonic::Code;

use crate::running::{HEART, LOCAL, reason, request, settings, start};
use crate::stage::new_request;

#[tokio::test]
async fn calls_fail_as_unavailable_while_the_database_is_away_and_succeed_afterwards() {
    let running = start().await;
    let order = running.place(request(HEART, 1)).await.unwrap();
    running.database_is_there(false).await;
    let again = request(HEART, 2);
    for refused in [
        running.place(again.clone()).await.unwrap_err(),
        running.place(request("not cached", 1)).await.unwrap_err(),
        running.cancel(&new_request().to_string(), &order.order_id).await.unwrap_err(),
        running.get(&order.order_id).await.unwrap_err(),
        running.history(&order.order_id, 0, "").await.map(drop).unwrap_err(),
    ] {
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "DATABASE_UNAVAILABLE"));
    }
    running.database_is_there(true).await;
    let placed = eventually("orders are taken again", Duration::from_mins(1), async || {
        running.place(again.clone()).await.ok()
    })
    .await;
    assert_eq!(running.place(again).await.unwrap(), placed);
    assert_eq!(running.get(&order.order_id).await.unwrap(), order);
    assert_eq!(running.orders().await, 2);
    running.stop().await;
}

#[tokio::test]
async fn without_a_database_the_start_fails_with_one_message_and_no_password() {
    let url = "postgres://bowline_orders:s3cret@127.0.0.1:1/bowline_orders";
    let settings = settings(&[&LOCAL[..], &["--database-url", url]].concat()).unwrap();
    let error = bootstrap::start(settings).await.map(drop).unwrap_err();
    let shown = format!("{error:#} {error:?}");
    assert!(shown.contains("127.0.0.1:1/bowline_orders cannot be used: is the server there"), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
}
