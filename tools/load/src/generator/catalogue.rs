//! Loads catalogue and stock before a replay.

use std::time::Duration;

use bowline_contracts::common::v1::Money;
use bowline_contracts::inventory::v1::catalog_service_client::CatalogServiceClient;
use bowline_contracts::inventory::v1::inventory_service_client::InventoryServiceClient;
use bowline_contracts::inventory::v1::{AdjustStockRequest, Product, StockAdjustment, UpsertProductsRequest};
use tonic::Status;
use uuid::Uuid;

use super::calls::until_certain;
use super::connections::Connections;
use super::progress::Progress;
use super::request_id;
use crate::plan::Plan;

/// The most entries of one request, as the services accept them.
const CHUNK_LEN_MAX: usize = 1_000;
/// Kept with every movement of the initial stock.
const STOCK_REASON: &str = "initial stock";

/// Why catalogue or stock were not loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The service refused a request for good.
    #[error("{call} was refused")]
    Refused {
        /// The call.
        call: &'static str,
        /// The refusal.
        source: Box<Status>,
    },
    /// One request found no certain answer for too long.
    #[error("{call} had no answer for {after:?}{}", trouble.as_ref().map(|t| format!("; {t}")).unwrap_or_default())]
    Stalled {
        /// The call.
        call: &'static str,
        /// How long it was tried.
        after: Duration,
        /// What the last try met.
        trouble: Option<String>,
    },
}

/// Enters the plan's products and then its initial stock, in chunks; a request without an answer for `stall_after`
/// ends it. Loading again with the same `run_id` changes nothing.
pub async fn load_catalogue(
    plan: &Plan,
    inventory: &Connections,
    run_id: Uuid,
    stall_after: Duration,
    progress: &Progress,
) -> Result<(), LoadError> {
    for (number, chunk) in plan.products.chunks(CHUNK_LEN_MAX).enumerate() {
        let products = chunk.iter().map(|product| Product {
            sku: product.sku.to_string(),
            name: product.name.clone(),
            price: Some(Money {
                currency_code: plan.currency.code().to_owned(),
                amount_minor: product.price_minor,
            }),
            image_uri: String::new(),
            update_time: None,
        });
        let request = UpsertProductsRequest {
            request_id: request_id(run_id, "products", &number.to_string()),
            products: products.collect(),
        };
        let upsert = until_certain("UpsertProducts", progress, |attempt| {
            let mut client = CatalogServiceClient::new(inventory.channel(attempt));
            let request = request.clone();
            async move { client.upsert_products(request).await }
        });
        within("UpsertProducts", stall_after, progress, upsert).await?;
    }
    for (number, chunk) in plan.stock.chunks(CHUNK_LEN_MAX).enumerate() {
        let request = AdjustStockRequest {
            request_id: request_id(run_id, "stock", &number.to_string()),
            adjustments: chunk
                .iter()
                .map(|stock| StockAdjustment { sku: stock.sku.to_string(), delta: stock.units })
                .collect(),
            reason: STOCK_REASON.to_owned(),
        };
        let adjust = until_certain("AdjustStock", progress, |attempt| {
            let mut client = InventoryServiceClient::new(inventory.channel(attempt));
            let request = request.clone();
            async move { client.adjust_stock(request).await }
        });
        within("AdjustStock", stall_after, progress, adjust).await?;
    }
    Ok(())
}

async fn within<T>(
    call: &'static str,
    after: Duration,
    progress: &Progress,
    answer: impl Future<Output = Result<T, Status>>,
) -> Result<T, LoadError> {
    match tokio::time::timeout(after, answer).await {
        Ok(answer) => answer.map_err(|status| LoadError::Refused { call, source: Box::new(status) }),
        Err(_) => Err(LoadError::Stalled { call, after, trouble: progress.last_trouble() }),
    }
}
