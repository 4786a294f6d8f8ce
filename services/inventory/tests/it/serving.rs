//! The service as its callers see it.

use bowline_config::parse_from;
use bowline_contracts::common::v1::Money;
use bowline_contracts::inventory::v1::catalog_service_client::CatalogServiceClient;
use bowline_contracts::inventory::v1::inventory_service_client::InventoryServiceClient;
use bowline_contracts::inventory::v1::{
    AdjustStockRequest, AdjustStockResponse, Product, StockAdjustment, UpsertProductsRequest,
    UpsertProductsResponse,
};
use bowline_contracts::topics::INVENTORY;
use bowline_inventory::bootstrap;
use bowline_inventory::config::Options;
use bowline_kernel::{IdSource as _, SystemIds};
use bowline_test_support::{Running, ServiceDatabase};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tonic::Status;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

/// The whole service on real sockets, wired by its own bootstrap.
pub(crate) struct Serving {
    pub(crate) database: ServiceDatabase,
    running: Running,
}

impl Serving {
    /// There is no Kafka: commands and queries do without.
    pub(crate) async fn start() -> Self {
        let database = ServiceDatabase::create(INVENTORY).await;
        let common = [
            "bowline-inventory",
            "--grpc-listen=127.0.0.1:0",
            "--http-listen=127.0.0.1:0",
            "--kafka-brokers=127.0.0.1:1",
        ];
        let settings = parse_from([common, database.options()].concat(), Options::check).unwrap();
        let running = Running::start(bootstrap::start(settings).await.unwrap());
        Self { database, running }
    }

    pub(crate) fn catalog(&self) -> CatalogServiceClient<Channel> {
        CatalogServiceClient::new(self.running.channel())
    }

    pub(crate) fn inventory(&self) -> InventoryServiceClient<Channel> {
        InventoryServiceClient::new(self.running.channel())
    }

    /// A service with these products and available units.
    pub(crate) async fn with_stock(stock: &[(&str, i64)]) -> Self {
        let serving = Self::start().await;
        let products = stock.iter().map(|(sku, _)| product(sku)).collect();
        serving.upsert(UpsertProductsRequest { request_id: id(), products }).await.unwrap();
        let filled: Vec<_> = stock.iter().filter(|(_, units)| *units != 0).copied().collect();
        if !filled.is_empty() {
            serving.adjust(adjustment(&id(), &filled)).await.unwrap();
        }
        serving
    }

    pub(crate) async fn upsert(
        &self,
        request: UpsertProductsRequest,
    ) -> Result<UpsertProductsResponse, Status> {
        Ok(self.catalog().upsert_products(request).await?.into_inner())
    }

    pub(crate) async fn adjust(&self, request: AdjustStockRequest) -> Result<AdjustStockResponse, Status> {
        Ok(self.inventory().adjust_stock(request).await?.into_inner())
    }

    pub(crate) async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.database.urls().owner).await.unwrap()
    }

    /// The one number that `sql` asks for.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.owner().await).await.unwrap()
    }

    /// Drains the service.
    pub(crate) async fn stop(self) {
        self.running.begin_to_stop();
        self.running.ended().await;
    }
}

/// A fresh request id.
pub(crate) fn id() -> String {
    SystemIds.next_id().to_string()
}

/// A product at 2.55 GBP.
pub(crate) fn product(sku: &str) -> Product {
    Product {
        sku: sku.into(),
        name: format!("NAME OF {sku}"),
        price: Some(Money { currency_code: "GBP".into(), amount_minor: 255 }),
        image_uri: "https://example.com/a.jpg".into(),
        update_time: None,
    }
}

pub(crate) fn adjustment(request_id: &str, deltas: &[(&str, i64)]) -> AdjustStockRequest {
    let adjustment = |(sku, delta): &(&str, i64)| StockAdjustment { sku: (*sku).into(), delta: *delta };
    AdjustStockRequest {
        request_id: request_id.into(),
        adjustments: deltas.iter().map(adjustment).collect(),
        reason: "stocktaking".into(),
    }
}

/// The fields that a refusal names.
pub(crate) fn fields(status: &Status) -> Vec<String> {
    let violations = status.get_details_bad_request().map(|request| request.field_violations);
    violations.into_iter().flatten().map(|violation| violation.field).collect()
}

/// The constant reason of a refusal.
pub(crate) fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}
