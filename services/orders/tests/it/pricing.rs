//! Prices come from the catalogue: asked for once, given a rest when it fails, never sent by callers.

use bowline_contracts::orders::v1::{PlaceOrderLine, PlaceOrderRequest};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::running::{HEART, fields, reason, request, start, start_with};

fn with(skus: &[&str]) -> PlaceOrderRequest {
    let lines = skus.iter().map(|sku| PlaceOrderLine { sku: (*sku).into(), quantity: 2 }).collect();
    PlaceOrderRequest { lines, ..request(HEART, 1) }
}

#[tokio::test]
async fn a_price_is_asked_for_once() {
    let running = start().await;
    running.catalogue.lists("b", 100, "GBP");
    let order = running.place(with(&[HEART, "b"])).await.unwrap();
    assert_eq!(order.total.unwrap().amount_minor, 2 * 255 + 2 * 100);
    running.catalogue.lists("c", 1, "GBP");
    running.place(with(&["c", "b"])).await.unwrap();
    running.place(with(&["b", HEART, "c"])).await.unwrap();
    assert_eq!(running.catalogue.questions(), [vec![HEART, "b"], vec!["c"]]);
    running.stop().await;
}

#[tokio::test]
async fn an_unknown_product_is_asked_for_again() {
    let running = start().await;
    assert_eq!(fields(&running.place(with(&["new"])).await.unwrap_err()), ["lines[0].sku"]);
    running.catalogue.lists("new", 7, "GBP");
    assert_eq!(running.place(with(&["new"])).await.unwrap().total.unwrap().amount_minor, 14);
    running.stop().await;
}

#[tokio::test]
async fn a_price_is_used_for_as_long_as_the_options_say() {
    let running = start_with(&["--catalogue-ttl", "0s"]).await;
    running.place(with(&[HEART])).await.unwrap();
    running.catalogue.lists(HEART, 300, "GBP");
    let order = running.place(with(&[HEART])).await.unwrap();
    assert_eq!(order.total.unwrap().amount_minor, 600);
    running.stop().await;
}

#[tokio::test]
async fn an_order_has_one_currency() {
    let running = start().await;
    running.catalogue.lists("euro", 100, "EUR");
    assert_eq!(fields(&running.place(with(&[HEART, "euro"])).await.unwrap_err()), ["lines[1].sku"]);
    running.stop().await;
}

#[tokio::test]
async fn a_total_that_no_number_holds_is_refused() {
    let running = start().await;
    running.catalogue.lists("palace", i64::MAX, "GBP");
    assert_eq!(fields(&running.place(with(&["palace"])).await.unwrap_err()), ["lines"]);
    running.stop().await;
}

#[tokio::test]
async fn the_breaker_gives_a_failing_catalogue_a_rest() {
    let running =
        start_with(&["--breaker-calls-min", "3", "--breaker-window-calls", "3", "--breaker-open-time", "1h"])
            .await;
    running.catalogue.fails_with(Some(Code::Unavailable));
    for _ in 0..5 {
        let refused = running.place(with(&[HEART])).await.unwrap_err();
        assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "CATALOGUE_UNAVAILABLE"));
        assert!(refused.get_details_retry_info().is_some(), "{refused}");
    }
    // The last two were not asked at all.
    assert_eq!(running.catalogue.questions().len(), 3);
    assert_eq!(running.orders().await, 0);
    running.stop().await;
}

#[tokio::test]
async fn known_prices_serve_while_the_catalogue_is_down() {
    let running = start().await;
    running.place(with(&[HEART])).await.unwrap();
    running.catalogue.fails_with(Some(Code::Unavailable));
    running.place(with(&[HEART])).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_question_that_the_catalogue_refuses_is_a_bug_of_ours() {
    let running = start().await;
    running.catalogue.fails_with(Some(Code::InvalidArgument));
    let refused = running.place(with(&[HEART])).await.unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
    assert!(!refused.message().contains("as the test says"), "{refused}");
    running.stop().await;
}
