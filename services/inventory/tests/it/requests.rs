use bowline_contracts::inventory::v1::UpsertProductsRequest;
use tonic::Code;

use crate::serving::{Serving, adjustment, fields, id, product, reason};

const ADJUSTMENTS: &str = "SELECT count(*) FROM inventory.movements WHERE kind = 1";

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_and_has_no_effect() {
    let serving = Serving::with_stock(&[("A", 5)]).await;
    let request = adjustment(&id(), &[("A", 3)]);
    let first = serving.adjust(request.clone()).await.unwrap();
    serving.adjust(adjustment(&id(), &[("A", 1)])).await.unwrap();
    assert_eq!(serving.adjust(request).await.unwrap(), first);
    assert_eq!(first.levels[0].available, 8);
    assert_eq!(serving.number(ADJUSTMENTS).await, 3);

    let upsert = UpsertProductsRequest { request_id: id(), products: vec![product("B"), product("A")] };
    let created = serving.upsert(upsert.clone()).await.unwrap();
    assert_eq!((created.created_count, created.updated_count), (1, 1));
    assert_eq!(serving.upsert(upsert).await.unwrap(), created);
    serving.stop().await;
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let serving = Serving::with_stock(&[("A", 5)]).await;
    let key = id();
    serving.adjust(adjustment(&key, &[("A", 3)])).await.unwrap();
    let other_body = serving.adjust(adjustment(&key, &[("A", 4)])).await.unwrap_err();
    let upsert = UpsertProductsRequest { request_id: key, products: vec![product("A")] };
    let other_method = serving.upsert(upsert).await.unwrap_err();
    for status in [other_body, other_method] {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::AlreadyExists, "REQUEST_ID_REUSED"));
    }
    assert_eq!(serving.number(ADJUSTMENTS).await, 2);
    serving.stop().await;
}

#[tokio::test]
async fn fifty_callers_with_one_key_adjust_once() {
    let serving = Serving::with_stock(&[("A", 5)]).await;
    let request = adjustment(&id(), &[("A", -2)]);
    let calls = (0..50).map(|_| serving.adjust(request.clone()));
    for answer in futures::future::join_all(calls).await {
        assert_eq!(answer.unwrap().levels[0].available, 3);
    }
    assert_eq!(serving.number(ADJUSTMENTS).await, 2);
    serving.stop().await;
}

#[tokio::test]
async fn a_refusal_is_remembered() {
    let serving = Serving::with_stock(&[("A", 5), ("B", 5)]).await;
    let request = adjustment(&id(), &[("B", 1), ("A", -6)]);
    let refused = serving.adjust(request.clone()).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "INSUFFICIENT_STOCK"));
    assert_eq!(serving.number(ADJUSTMENTS).await, 2, "all adjustments or none");

    serving.adjust(adjustment(&id(), &[("A", 10)])).await.unwrap();
    let again = serving.adjust(request).await.unwrap_err();
    assert_eq!((again.code(), again.message()), (refused.code(), refused.message()));
    let counted = serving.adjust(adjustment(&id(), &[("A", i64::MAX)])).await.unwrap_err();
    assert_eq!(reason(&counted), "STOCK_OVERFLOW");
    serving.stop().await;
}

#[tokio::test]
async fn a_sku_outside_the_catalogue_is_named_and_not_remembered() {
    let serving = Serving::with_stock(&[("A", 5)]).await;
    let request = adjustment(&id(), &[("A", 1), ("B", 1), ("C", 1)]);
    let refused = serving.adjust(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(fields(&refused), ["adjustments[1].sku", "adjustments[2].sku"]);

    let products = vec![product("B"), product("C")];
    serving.upsert(UpsertProductsRequest { request_id: id(), products }).await.unwrap();
    assert_eq!(serving.adjust(request).await.unwrap().levels.len(), 3);
    serving.stop().await;
}

#[tokio::test]
async fn callers_are_served_while_kafka_is_away() {
    let serving = Serving::start().await;
    let request = UpsertProductsRequest { request_id: id(), products: vec![product("A")] };
    assert_eq!(serving.upsert(request).await.unwrap().created_count, 1);
    assert_eq!(serving.adjust(adjustment(&id(), &[("A", 2)])).await.unwrap().levels[0].available, 2);
    serving.stop().await;
}
