//! What was published about an order is a run of the model, or is seen not to be.

use bowline_model::saga::{Recorded, Service, explain};

type Message = (&'static str, Option<&'static str>);

const CONFIRMED: [Message; 7] = [
    ("OrderPlaced", None),
    ("StockReserved", Some("OrderPlaced")),
    ("PaymentAuthorized", Some("StockReserved")),
    ("OrderConfirmed", Some("PaymentAuthorized")),
    ("StockCommitted", Some("OrderConfirmed")),
    ("PaymentCaptured", Some("OrderConfirmed")),
    ("OrderFinished", Some("PaymentCaptured")),
];
const DECLINED: [Message; 7] = [
    ("OrderPlaced", None),
    ("StockReserved", Some("OrderPlaced")),
    ("PaymentDeclined", Some("StockReserved")),
    ("OrderCancelled", Some("PaymentDeclined")),
    ("ReleaseStock", Some("OrderCancelled")),
    ("StockReleased", Some("ReleaseStock")),
    ("OrderFinished", Some("StockReleased")),
];
/// While the payment was being authorised.
const CANCELLED: [Message; 9] = [
    ("OrderPlaced", None),
    ("StockReserved", Some("OrderPlaced")),
    ("OrderCancelled", None),
    ("ReleaseStock", Some("OrderCancelled")),
    ("VoidPayment", Some("OrderCancelled")),
    ("StockReleased", Some("ReleaseStock")),
    ("PaymentAuthorized", Some("StockReserved")),
    ("PaymentVoided", Some("PaymentAuthorized")),
    ("OrderFinished", Some("PaymentVoided")),
];
/// Before anybody had heard of the order.
const CANCELLED_AT_ONCE: [Message; 7] = [
    ("OrderPlaced", None),
    ("OrderCancelled", None),
    ("ReleaseStock", Some("OrderCancelled")),
    ("VoidPayment", Some("OrderCancelled")),
    ("PaymentVoided", Some("VoidPayment")),
    ("StockReleased", Some("ReleaseStock")),
    ("OrderFinished", Some("StockReleased")),
];
const CAPTURE_FAILED: [Message; 11] = [
    ("OrderPlaced", None),
    ("StockReserved", Some("OrderPlaced")),
    ("PaymentAuthorized", Some("StockReserved")),
    ("OrderConfirmed", Some("PaymentAuthorized")),
    ("StockCommitted", Some("OrderConfirmed")),
    ("PaymentCaptureFailed", Some("OrderConfirmed")),
    ("PaymentVoided", Some("PaymentCaptureFailed")),
    ("OrderCancelled", Some("PaymentCaptureFailed")),
    ("RestockOrder", Some("OrderCancelled")),
    ("StockRestocked", Some("RestockOrder")),
    ("OrderFinished", Some("StockRestocked")),
];
const OUT_OF_STOCK: [Message; 4] = [
    ("OrderPlaced", None),
    ("StockRejected", Some("OrderPlaced")),
    ("OrderCancelled", Some("StockRejected")),
    ("OrderFinished", Some("StockRejected")),
];

fn told(messages: &[Message]) -> Result<(), String> {
    let position = |name: &str| messages.iter().position(|(known, _)| *known == name);
    let recorded = |(name, cause): &Message| {
        let (by, topic) = match *name {
            "ReleaseStock" | "RestockOrder" => (Service::Orders, "inventory.commands"),
            "VoidPayment" => (Service::Orders, "payment.commands"),
            name if name.starts_with("Order") => (Service::Orders, "orders.events"),
            name if name.starts_with("Stock") => (Service::Inventory, "inventory.events"),
            _ => (Service::Payment, "payment.events"),
        };
        Recorded { by, topic, name, cause: cause.and_then(position) }
    };
    explain(&messages.iter().map(recorded).collect::<Vec<_>>())
}

/// Without the messages of these names.
fn without(messages: &[Message], names: &[&str]) -> Vec<Message> {
    messages.iter().copied().filter(|(name, _)| !names.contains(name)).collect()
}

#[track_caller]
fn is_refused(messages: &[Message], why: &str) {
    let reason = told(messages).expect_err("the model never does this");
    assert!(reason.contains(why), "{reason}");
}

#[test]
fn every_end_of_an_order_is_a_run() {
    for run in [&CONFIRMED[..], &DECLINED, &CANCELLED, &CANCELLED_AT_ONCE, &CAPTURE_FAILED, &OUT_OF_STOCK] {
        assert_eq!(told(run), Ok(()), "{run:?}");
    }
}

#[test]
fn a_report_may_come_in_either_order() {
    let mut other = CONFIRMED;
    other[6].1 = Some("StockCommitted");
    assert_eq!(told(&other), Ok(()));
}

#[test]
fn a_forgotten_compensation_is_missed() {
    let forgotten = without(&CANCELLED, &["VoidPayment", "PaymentVoided", "OrderFinished"]);
    is_refused(&forgotten, "Orders asked to cancel publishes VoidPayment, which was not published");
    let forgotten = without(&DECLINED, &["ReleaseStock", "StockReleased", "OrderFinished"]);
    is_refused(&forgotten, "publishes ReleaseStock, which was not published");
}

#[test]
fn an_order_that_does_not_end_is_missed() {
    is_refused(&without(&CONFIRMED, &["OrderFinished"]), "publishes OrderFinished, which was not published");
    is_refused(&CONFIRMED[..3], "publishes OrderConfirmed, which was not published");
}

#[test]
fn what_nobody_has_asked_for_is_no_run() {
    let void = [&CONFIRMED[..], &[("PaymentVoided", Some("OrderConfirmed"))]].concat();
    is_refused(&void, "and not PaymentVoided");
    let unreserved = without(&CONFIRMED, &["StockReserved", "StockCommitted"]);
    is_refused(&unreserved, "publishes StockReserved, which was not published");
}

#[test]
fn a_message_twice_is_no_run() {
    let twice = [&CONFIRMED[..], &[("StockCommitted", Some("OrderConfirmed"))]].concat();
    is_refused(&twice, "StockCommitted was published twice");
}

#[test]
fn an_answer_to_another_message_is_no_run() {
    let mut other = CONFIRMED;
    other[4].1 = Some("OrderPlaced");
    is_refused(&other, "StockCommitted, which came of");
}

#[test]
fn a_topic_out_of_order_is_no_run() {
    let mut other = CONFIRMED;
    other.swap(3, 6);
    is_refused(&other, "is published before");
}

#[test]
fn causes_in_a_circle_are_no_run() {
    let mut circle = DECLINED;
    circle[3].1 = Some("ReleaseStock");
    is_refused(&circle, "which came of");
}
