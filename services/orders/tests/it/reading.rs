//! GetOrder and GetOrderHistory.

use bowline_contracts::orders::v1::{CancelReason, OrderStatus};
use tonic::Code;

use crate::running::{HEART, fields, reason, request, start};
use crate::stage::{new_order, new_request};

#[tokio::test]
async fn an_order_is_read_as_it_is_now() {
    let running = start().await;
    let placed = running.place(request(HEART, 3)).await.unwrap();
    let cancelled = running.cancel(&new_request().to_string(), &placed.order_id).await.unwrap();
    let read = running.get(&placed.order_id).await.unwrap();
    assert_eq!(read, cancelled);
    assert_eq!((read.status(), read.cancel_reason()), (OrderStatus::Cancelled, CancelReason::Customer));
    assert_eq!((read.version, &read.lines, &read.placed_time), (2, &placed.lines, &placed.placed_time));
    running.stop().await;
}

#[tokio::test]
async fn what_is_unknown_or_malformed_is_told_apart() {
    let running = start().await;
    let unknown = new_order().to_string();
    for refused in [
        running.get(&unknown).await.unwrap_err(),
        running.history(&unknown, 0, "").await.map(drop).unwrap_err(),
    ] {
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::NotFound, "ORDER_NOT_FOUND"));
    }
    assert_eq!(fields(&running.get("order 7").await.unwrap_err()), ["order_id"]);
    let refused = running.history("order 7", -1, "garbage").await.unwrap_err();
    assert_eq!(fields(&refused), ["order_id", "page_size", "page_token"]);
    running.stop().await;
}

#[tokio::test]
async fn the_history_comes_in_pages() {
    let running = start().await;
    let order_id = running.place(request(HEART, 3)).await.unwrap().order_id;
    let request_id = new_request().to_string();
    running.cancel(&request_id, &order_id).await.unwrap();

    let first = running.history(&order_id, 1, "").await.unwrap();
    assert_eq!((first.entries.len(), first.entries[0].r#type.as_str()), (1, "order_placed"));
    let token = &first.next_page_token;
    // However the id is written, and whatever the size of the page.
    let second = running.history(&order_id.to_uppercase(), 5, token).await.unwrap();
    assert_eq!((second.entries.len(), second.next_page_token.as_str()), (1, ""));
    let entry = &second.entries[0];
    assert_eq!((entry.version, entry.r#type.as_str(), entry.schema_version), (2, "order_cancelled", 1));
    assert_eq!(entry.causation_id, request_id);
    let all = running.history(&order_id, 0, "").await.unwrap();
    assert_eq!(all.entries, [first.entries, second.entries].concat());

    let other = running.place(request(HEART, 1)).await.unwrap().order_id;
    assert_eq!(fields(&running.history(&other, 1, token).await.unwrap_err()), ["page_token"]);
    running.stop().await;
}

#[tokio::test]
async fn the_history_shows_amounts_exactly_and_no_payment_token() {
    let running = start().await;
    running.catalogue.lists("palace", i64::MAX, "GBP");
    let order_id = running.place(request("palace", 1)).await.unwrap().order_id;
    let history = running.history(&order_id, 0, "").await.unwrap();
    let shown = format!("{history:?}");
    assert!(!shown.contains("tok_secret") && !shown.contains("payment_token"), "{shown}");
    assert!(shown.contains(&i64::MAX.to_string()), "{shown}");
    assert!(shown.contains("United Kingdom"), "{shown}");
    running.stop().await;
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_an_internal_error_that_shows_nothing() {
    let running = start().await;
    let order_id = running.place(request(HEART, 1)).await.unwrap().order_id;
    sqlx::raw_sql("UPDATE event_store.events SET payload = 'tok_secret'")
        .execute(&mut running.owner().await)
        .await
        .unwrap();
    for refused in [
        running.get(&order_id).await.map(drop).unwrap_err(),
        running.history(&order_id, 0, "").await.map(drop).unwrap_err(),
    ] {
        assert_eq!(refused.code(), Code::Internal);
        assert!(!format!("{refused:?}").contains("tok_secret"), "{refused:?}");
    }
    running.stop().await;
}
