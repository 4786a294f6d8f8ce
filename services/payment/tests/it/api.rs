//! GetPayment.

use bowline_contracts::common::v1::Money;
use bowline_contracts::payment::v1::payment_service_server::PaymentService as _;
use bowline_contracts::payment::v1::{GetPaymentRequest, Payment, PaymentStatus};
use bowline_payment::api::PaymentApi;
use bowline_payment_domain::Status;
use bowline_payment_simulator::Switches;
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

use crate::neighbours::{new_order, stock_reserved};
use crate::stage::Stage;

pub(crate) async fn get(stage: &Stage, order_id: &str) -> Result<Payment, tonic::Status> {
    let request = Request::new(GetPaymentRequest { order_id: order_id.into() });
    let answer = PaymentApi::new(stage.database.clone()).get_payment(request).await?;
    Ok(answer.into_inner().payment.unwrap())
}

#[tokio::test]
async fn a_payment_is_told_as_it_stands() {
    let stage = Stage::new(Switches::default()).await;
    let running = stage.running().await;
    let mut replica = stage.replica(running.intents.clone()).await;
    let order = new_order();
    replica.hear(vec![stock_reserved(order, "tok_decline_lost_card")]).await;
    stage.settled(order, Status::Declined).await;
    let declined = get(&stage, &order.to_string()).await.unwrap();
    assert_eq!((declined.status(), declined.version), (PaymentStatus::Declined, 2));
    assert_eq!((declined.failure_reason.as_str(), &declined.authorized), ("card_lost", &None));

    let order = new_order();
    replica.hear(vec![stock_reserved(order, "tok_visa")]).await;
    stage.settled(order, Status::Authorized).await;
    let authorized = get(&stage, &order.to_string()).await.unwrap();
    assert_eq!(authorized.status(), PaymentStatus::Authorized);
    assert_eq!(authorized.authorized, Some(Money { currency_code: "GBP".into(), amount_minor: 1_234 }));
    assert!(authorized.update_time.is_some());
    running.stop().await;
}

#[tokio::test]
async fn a_wrong_id_is_named_and_an_unknown_one_not_found() {
    let stage = Stage::new(Switches::default()).await;
    let malformed = get(&stage, "order-1").await.unwrap_err();
    assert_eq!(malformed.code(), Code::InvalidArgument);
    let violations = malformed.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations.iter().map(|found| found.field.as_str()).collect::<Vec<_>>(), ["order_id"]);

    let unknown = get(&stage, &new_order().to_string()).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(unknown.get_details_error_info().unwrap().reason, "PAYMENT_NOT_FOUND");
}
