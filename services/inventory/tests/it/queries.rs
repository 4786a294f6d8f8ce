use bowline_contracts::inventory::v1::{
    BatchGetProductsRequest, GetProductRequest, GetStockRequest, ListMovementsRequest, ListMovementsResponse,
    ListProductsRequest, ListProductsResponse, MovementKind, Product, StockLevel,
};
use tonic::{Code, Status};

use crate::serving::{Serving, adjustment, fields, id, product, reason};

impl Serving {
    async fn products(&self, page_size: i32, page_token: &str) -> Result<ListProductsResponse, Status> {
        let request = ListProductsRequest { page_size, page_token: page_token.into() };
        Ok(self.catalog().list_products(request).await?.into_inner())
    }

    async fn movements(&self, sku: &str, size: i32, token: &str) -> Result<ListMovementsResponse, Status> {
        let request = ListMovementsRequest { sku: sku.into(), page_size: size, page_token: token.into() };
        Ok(self.inventory().list_movements(request).await?.into_inner())
    }
}

/// Without its time, which is the machine's.
fn timeless(product: Product) -> Product {
    assert!(product.update_time.is_some());
    Product { update_time: None, ..product }
}

#[tokio::test]
async fn products_are_found_as_they_were_given() {
    let serving = Serving::with_stock(&[("b", 0), ("B", 4), ("a x", 0)]).await;
    let mut catalog = serving.catalog();
    let request = GetProductRequest { sku: "B".into() };
    let found = catalog.get_product(request).await.unwrap().into_inner();
    assert_eq!(timeless(found.product.unwrap()), product("B"));

    let skus = ["z", "b", "y", "B", "b", "z"].map(String::from).to_vec();
    let request = BatchGetProductsRequest { skus };
    let found = catalog.batch_get_products(request).await.unwrap().into_inner();
    let products: Vec<_> = found.products.into_iter().map(timeless).collect();
    assert_eq!(products, [product("B"), product("b")]);
    assert_eq!(found.unknown_skus, ["z", "y"]);

    let request = GetStockRequest { sku: "B".into() };
    let found = serving.inventory().get_stock(request).await.unwrap().into_inner();
    assert_eq!(found.level, Some(StockLevel { sku: "B".into(), available: 4, reserved: 0, sold: 0 }));
    serving.stop().await;
}

#[tokio::test]
async fn an_unknown_sku_is_not_found() {
    let serving = Serving::start().await;
    let sku = || "nowhere".to_owned();
    let get = GetProductRequest { sku: sku() };
    let product = serving.catalog().get_product(get).await.unwrap_err();
    let get = GetStockRequest { sku: sku() };
    let stock = serving.inventory().get_stock(get).await.unwrap_err();
    let movements = serving.movements("nowhere", 0, "").await.unwrap_err();
    for status in [product, stock, movements] {
        assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "SKU_NOT_FOUND"));
    }
    serving.stop().await;
}

#[tokio::test]
async fn pages_of_products_join_without_gap_or_overlap() {
    let skus = ["e", "a b", "D", "c", "Ä"];
    let serving = Serving::with_stock(&skus.map(|sku| (sku, 0))).await;
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let page = serving.products(2, &token).await.unwrap();
        seen.extend(page.products.into_iter().map(|product| product.sku));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["D", "a b", "c", "e", "Ä"], "in order of bytes, each once");
    let all = serving.products(5, "").await.unwrap();
    assert_eq!((all.products.len(), all.next_page_token.as_str()), (5, ""));
    serving.stop().await;
}

#[tokio::test]
async fn pages_of_movements_join_and_their_token_is_bound_to_the_sku() {
    let serving = Serving::with_stock(&[("A", 0), ("B", 1)]).await;
    assert!(serving.movements("A", 0, "").await.unwrap().movements.is_empty());
    for delta in 1..=5 {
        serving.adjust(adjustment(&id(), &[("A", delta)])).await.unwrap();
    }
    let first = serving.movements("A", 2, "").await.unwrap();
    let second = serving.movements("A", 2, &first.next_page_token).await.unwrap();
    let third = serving.movements("A", 2, &second.next_page_token).await.unwrap();
    assert!(third.next_page_token.is_empty());
    let all = [first.movements.clone(), second.movements, third.movements].concat();
    let deltas: Vec<_> = all.iter().map(|movement| movement.available_delta).collect();
    assert_eq!(deltas, [1, 2, 3, 4, 5], "oldest first");
    let movement = &all[0];
    assert_eq!((movement.sku.as_str(), movement.kind()), ("A", MovementKind::Adjustment));
    assert_eq!((movement.order_id.as_str(), movement.reason.as_str()), ("", "stocktaking"));
    assert!(movement.record_time.is_some());

    let foreign = serving.movements("B", 2, &first.next_page_token).await.unwrap_err();
    assert_eq!((foreign.code(), fields(&foreign)), (Code::InvalidArgument, vec!["page_token".to_owned()]));
    let other_method = serving.products(2, &first.next_page_token).await.unwrap_err();
    assert_eq!(fields(&other_method), ["page_token"]);
    serving.stop().await;
}
