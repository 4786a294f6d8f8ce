//! What PlaceOrder and CancelOrder refuse, and how they say it.

use bowline_contracts::orders::v1::{OrderStatus, PlaceOrderLine, PlaceOrderRequest};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::running::{HEART, fields, reason, request, start, start_with};
use crate::stage::{new_order, new_request};

fn line(sku: &str, quantity: u32) -> PlaceOrderLine {
    PlaceOrderLine { sku: sku.into(), quantity }
}

#[tokio::test]
async fn a_good_request_becomes_a_pending_order() {
    let running = start().await;
    let order = running.place(request(HEART, 3)).await.unwrap();
    assert_eq!((order.status(), order.version, order.finished), (OrderStatus::Pending, 1, false));
    assert_eq!(order.total.as_ref().unwrap().amount_minor, 765);
    assert_eq!((order.lines[0].sku.as_str(), order.lines[0].name.as_str()), (HEART, "THE 85123A"));
    assert_eq!(running.get(&order.order_id).await.unwrap(), order);
    running.stop().await;
}

#[tokio::test]
async fn every_malformed_field_is_named() {
    let running = start_with(&["--order-lines-max", "1000"]).await;
    let good = || request(HEART, 1);
    let lines = |lines| PlaceOrderRequest { lines, ..good() };
    let many = (0..1_001).map(|number| line(&format!("sku {number}"), 1)).collect();
    let cases: Vec<(PlaceOrderRequest, &[&str])> = vec![
        (PlaceOrderRequest { request_id: String::new(), ..good() }, &["request_id"]),
        (PlaceOrderRequest { request_id: "4711".into(), ..good() }, &["request_id"]),
        (PlaceOrderRequest { customer_id: String::new(), ..good() }, &["customer_id"]),
        (PlaceOrderRequest { customer_id: "x".repeat(65), ..good() }, &["customer_id"]),
        (PlaceOrderRequest { payment_token: String::new(), ..good() }, &["payment_token"]),
        (PlaceOrderRequest { payment_token: "x".repeat(129), ..good() }, &["payment_token"]),
        (PlaceOrderRequest { country: "x".repeat(65), ..good() }, &["country"]),
        (lines(vec![]), &["lines"]),
        (lines(many), &["lines"]),
        (lines(vec![line(HEART, 0)]), &["lines[0].quantity"]),
        (lines(vec![line(HEART, 100_001)]), &["lines[0].quantity"]),
        (lines(vec![line("", 1)]), &["lines[0].sku"]),
        (lines(vec![line(" padded", 1)]), &["lines[0].sku"]),
        (lines(vec![line(HEART, 1), line("b", 1), line(HEART, 2)]), &["lines[2].sku"]),
        (lines(vec![line(HEART, 1), line("no such thing", 1)]), &["lines[1].sku"]),
    ];
    for (request, expected) in cases {
        let shown = format!("{:?}", request.lines.first());
        let refused = running.place(request).await.unwrap_err();
        assert_eq!(fields(&refused), expected, "{shown}: {refused}");
    }
    assert_eq!(running.orders().await, 0);
    running.stop().await;
}

#[tokio::test]
async fn several_faults_are_named_at_once() {
    let running = start().await;
    let request = PlaceOrderRequest {
        request_id: "no".into(),
        customer_id: String::new(),
        lines: vec![line(HEART, 0), line(HEART, 1), line("", 100_001), line("b", 1), line("b", 0)],
        payment_token: String::new(),
        country: "x".repeat(65),
    };
    let refused = running.place(request).await.unwrap_err();
    let expected = [
        "request_id",
        "customer_id",
        "payment_token",
        "country",
        "lines[0].quantity",
        "lines[1].sku",
        "lines[2].sku",
        "lines[2].quantity",
        "lines[4].sku",
        "lines[4].quantity",
    ];
    assert_eq!(fields(&refused), expected);
    let described = refused.get_details_bad_request().unwrap().field_violations;
    assert_eq!(described[4].description, "must be between 1 and 100000, was 0");
    assert_eq!(described[5].description, "must be given once: lines[0] has it as well");
    assert!(!refused.message().contains("tok_secret"), "{refused}");
    running.stop().await;
}

/// Status details travel in headers: if every one of a thousand lines were named, clients would see a broken
/// connection instead of what is wrong.
#[tokio::test]
async fn a_thousand_faulty_lines_still_reach_the_caller() {
    let running = start().await;
    let unknown = (0..1_000).map(|number| line(&format!("{number} {}", "é".repeat(60)), 1)).collect();
    let mut malformed = request(HEART, 1);
    malformed.lines = (0..1_000).map(|number| line(&format!("sku {number}"), 0)).collect();
    for request in [PlaceOrderRequest { lines: unknown, ..request(HEART, 1) }, malformed] {
        let refused = running.place(request).await.unwrap_err();
        let fields = fields(&refused);
        assert_eq!((fields.len(), fields[0].contains("lines[0]")), (21, true), "{refused}");
        assert!(refused.message().ends_with("request has 980 more violations"), "{refused}");
    }
    running.stop().await;
}

#[tokio::test]
async fn the_limits_are_options() {
    let running = start_with(&["--order-lines-max", "1", "--line-quantity-max", "5"]).await;
    let refused = running.place(request(HEART, 6)).await.unwrap_err();
    assert_eq!(fields(&refused), ["lines[0].quantity"]);
    let two = PlaceOrderRequest { lines: vec![line(HEART, 1), line("b", 1)], ..request(HEART, 1) };
    assert_eq!(fields(&running.place(two).await.unwrap_err()), ["lines"]);
    running.place(request(HEART, 5)).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_message_that_is_too_large_is_an_invalid_argument() {
    let running = start_with(&["--message-size-max", "1KiB"]).await;
    let request = PlaceOrderRequest { country: "x".repeat(2_000), ..request(HEART, 1) };
    assert_eq!(fields(&running.place(request).await.unwrap_err()), ["request"]);
    running.stop().await;
}

#[tokio::test]
async fn a_cancellation_is_checked_as_well() {
    let running = start().await;
    let refused = running.cancel("no", "neither").await.unwrap_err();
    assert_eq!(fields(&refused), ["request_id", "order_id"]);
    let unknown = running.cancel(&new_request().to_string(), &new_order().to_string()).await.unwrap_err();
    assert_eq!((unknown.code(), reason(&unknown).as_str()), (Code::NotFound, "ORDER_NOT_FOUND"));
    running.stop().await;
}
