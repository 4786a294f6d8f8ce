//! The service as its callers see it: node and API, without servers.

use std::sync::LazyLock;
use std::time::Duration;

use bowline_config::parse_from;
use bowline_contracts::common::v1::Money;
use bowline_contracts::inventory::v1::catalog_service_server::CatalogService as _;
use bowline_contracts::inventory::v1::inventory_service_server::InventoryService as _;
use bowline_contracts::inventory::v1::{
    AdjustStockRequest, AdjustStockResponse, Product, StockAdjustment, UpsertProductsRequest,
    UpsertProductsResponse,
};
use bowline_inventory::bootstrap::{Parts, Sources, assemble};
use bowline_inventory::config::Options;
use bowline_kernel::{IdSource as _, SystemIds};
use bowline_test_support::ServiceDatabase;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tonic::{Request, Status};
use tonic_types::StatusExt as _;

/// A running node with its API.
pub(crate) struct Serving {
    pub(crate) parts: Parts,
    pub(crate) database: ServiceDatabase,
}

impl Serving {
    /// One set of topics serves all tests, because commands publish nothing.
    pub(crate) async fn start() -> Self {
        static NAMESPACE: LazyLock<String> = LazyLock::new(bowline_test_support::namespace);
        let brokers = &bowline_test_support::stack().await.kafka_brokers;
        Self::with_kafka(&["--kafka-brokers", brokers, "--kafka-namespace", &NAMESPACE]).await
    }

    /// A service whose Kafka is away.
    pub(crate) async fn without_kafka() -> Self {
        let properties = ["--kafka-properties", "socket.timeout.ms=100"];
        Self::with_kafka(&[&["--kafka-brokers", "127.0.0.1:1"], &properties[..]].concat()).await
    }

    async fn with_kafka(kafka: &[&str]) -> Self {
        let database = ServiceDatabase::create("inventory").await;
        let urls = database.urls();
        let arguments = [
            "bowline-inventory",
            "--database-url",
            &urls.runtime,
            "--migrations-database-url",
            &urls.owner,
            // The servers of tests may run without fsync.
            "--allow-unsafe-durability",
        ];
        let settings = parse_from([&arguments, kafka].concat(), Options::check).unwrap();
        let parts = assemble(&settings, "test".into(), &Sources::default()).await.unwrap();
        Self { parts, database }
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
        Ok(self.parts.catalog.upsert_products(Request::new(request)).await?.into_inner())
    }

    pub(crate) async fn adjust(&self, request: AdjustStockRequest) -> Result<AdjustStockResponse, Status> {
        Ok(self.parts.inventory.adjust_stock(Request::new(request)).await?.into_inner())
    }

    pub(crate) async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.database.urls().owner).await.unwrap()
    }

    /// The one number that `sql` asks for.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.owner().await).await.unwrap()
    }

    pub(crate) async fn stop(self) {
        self.parts.node.drain(Duration::from_secs(10)).await;
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
