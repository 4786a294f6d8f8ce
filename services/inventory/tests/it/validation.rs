use bowline_contracts::common::v1::Money;
use bowline_contracts::inventory::v1::{
    BatchGetProductsRequest, GetProductRequest, GetStockRequest, ListMovementsRequest, ListProductsRequest,
    Product, UpsertProductsRequest,
};
use tonic::{Code, Status};

use crate::serving::{Serving, adjustment, fields, id, product};

fn assert_fields(status: &Status, expected: &[&str]) {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert_eq!(fields(status), expected, "{status}");
}

#[tokio::test]
async fn every_malformed_field_of_a_write_is_named_at_once() {
    let serving = Serving::start().await;
    let price = |currency: &str, minor| Some(Money { currency_code: currency.into(), amount_minor: minor });
    let products = vec![
        Product { sku: " ".into(), name: String::new(), ..product("A") },
        Product { price: None, image_uri: "a b".into(), ..product("B") },
        Product { price: price("gbp", 1), ..product("C") },
        Product { price: price("GBP", 0), ..product("D") },
        product("E"),
        product("E"),
    ];
    let status =
        serving.upsert(UpsertProductsRequest { request_id: "no".into(), products }).await.unwrap_err();
    assert_fields(
        &status,
        &[
            "request_id",
            "products[0].sku",
            "products[0].name",
            "products[1].price",
            "products[1].image_uri",
            "products[2].price.currency_code",
            "products[3].price.amount_minor",
            "products[5].sku",
        ],
    );

    let mut request = adjustment("", &[("A", 0), ("", 1), ("B", 2), ("B", 3)]);
    request.reason = "a\nb".into();
    let status = serving.adjust(request).await.unwrap_err();
    assert_fields(
        &status,
        &["request_id", "adjustments[1].sku", "adjustments[0].delta", "adjustments[3].sku", "reason"],
    );
    assert_eq!(serving.number("SELECT count(*) FROM idempotency.keys").await, 0);
    serving.stop().await;
}

#[tokio::test]
async fn numbers_of_things_are_limited() {
    let serving = Serving::start().await;
    let many: Vec<String> = (0..1_001).map(|number| format!("S{number}")).collect();
    let products = |count: usize| many[..count].iter().map(|sku| product(sku)).collect();
    for count in [0, 1_001] {
        let request = UpsertProductsRequest { request_id: id(), products: products(count) };
        assert_fields(&serving.upsert(request).await.unwrap_err(), &["products"]);
        let deltas: Vec<(&str, i64)> = many[..count].iter().map(|sku| (sku.as_str(), 1)).collect();
        assert_fields(&serving.adjust(adjustment(&id(), &deltas)).await.unwrap_err(), &["adjustments"]);
        let request = BatchGetProductsRequest { skus: many[..count].to_vec() };
        let status = serving.catalog().batch_get_products(request).await.unwrap_err();
        assert_fields(&status, &["skus"]);
    }
    let request = UpsertProductsRequest { request_id: id(), products: products(1_000) };
    assert_eq!(serving.upsert(request).await.unwrap().created_count, 1_000);
    let deltas: Vec<(&str, i64)> = many[..1_000].iter().map(|sku| (sku.as_str(), 1)).collect();
    assert_eq!(serving.adjust(adjustment(&id(), &deltas)).await.unwrap().levels.len(), 1_000);
    serving.stop().await;
}

#[tokio::test]
async fn every_malformed_field_of_a_query_is_named() {
    let serving = Serving::start().await;
    let (mut inventory, mut catalog) = (serving.inventory(), serving.catalog());
    let padded = || " A".to_owned();
    let status = inventory.get_stock(GetStockRequest { sku: padded() }).await.unwrap_err();
    assert_fields(&status, &["sku"]);
    let status = catalog.get_product(GetProductRequest { sku: padded() }).await.unwrap_err();
    assert_fields(&status, &["sku"]);
    let skus = vec!["A".into(), padded(), String::new()];
    let status = catalog.batch_get_products(BatchGetProductsRequest { skus }).await.unwrap_err();
    assert_fields(&status, &["skus[1]", "skus[2]"]);
    let request = ListMovementsRequest { sku: padded(), page_size: -1, page_token: "x".into() };
    let status = inventory.list_movements(request).await.unwrap_err();
    assert_fields(&status, &["sku", "page_size", "page_token"]);
    let request = ListProductsRequest { page_size: -1, page_token: "x".into() };
    let status = catalog.list_products(request).await.unwrap_err();
    assert_fields(&status, &["page_size", "page_token"]);
    serving.stop().await;
}
