//! `bowline.inventory.v1.CatalogService`.

use bowline_contracts::inventory::v1::catalog_service_server::CatalogService;
use bowline_contracts::inventory::v1::{
    BatchGetProductsRequest, BatchGetProductsResponse, GetProductRequest, GetProductResponse,
    ListProductsRequest, ListProductsResponse, UpsertProductsRequest, UpsertProductsResponse,
};
use bowline_database::Database;
use bowline_idempotency::{Fingerprint, Request as Keyed};
use bowline_kernel::{RequestId, Sku};
use bowline_messaging::Commands;
use bowline_service::{ApiError, Violations, command_failed, encode_page_token};
use prost::Message as _;
use tonic::{Request, Response, Status};

use super::answers;
use super::products::{PRODUCTS_MAX, read_products, write_product};
use crate::app::queries::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, products};
use crate::app::{Action, Command, Reply};

/// The catalogue over gRPC.
#[derive(Debug, Clone)]
pub(crate) struct CatalogApi {
    commands: Commands<Command, Reply>,
    reads: Database,
}

impl CatalogApi {
    /// Writes go to `commands`, reads to `reads`.
    pub(crate) fn new(commands: Commands<Command, Reply>, reads: Database) -> Self {
        Self { commands, reads }
    }
}

#[tonic::async_trait]
impl CatalogService for CatalogApi {
    async fn upsert_products(
        &self,
        request: Request<UpsertProductsRequest>,
    ) -> Result<Response<UpsertProductsResponse>, Status> {
        let command = read_upsert(request.into_inner())?;
        let reply = self.commands.execute(command).await.map_err(command_failed)?;
        let field = |place| (format!("products[{place}].sku"), String::new());
        Ok(Response::new(answers::response(reply, field)?))
    }

    async fn get_product(
        &self,
        request: Request<GetProductRequest>,
    ) -> Result<Response<GetProductResponse>, Status> {
        let sku = read_sku(&request.into_inner().sku)?;
        let found = products::get_product(&self.reads, &sku).await.map_err(answers::not_read)?;
        let product = found.ok_or_else(|| answers::unknown_sku(&sku))?;
        Ok(Response::new(GetProductResponse { product: Some(write_product(product)) }))
    }

    async fn batch_get_products(
        &self,
        request: Request<BatchGetProductsRequest>,
    ) -> Result<Response<BatchGetProductsResponse>, Status> {
        let skus = read_skus(&request.into_inner())?;
        let found = products::batch_get_products(&self.reads, skus).await.map_err(answers::not_read)?;
        Ok(Response::new(BatchGetProductsResponse {
            products: found.products.into_iter().map(write_product).collect(),
            unknown_skus: found.unknown.into_iter().map(String::from).collect(),
        }))
    }

    async fn list_products(
        &self,
        request: Request<ListProductsRequest>,
    ) -> Result<Response<ListProductsResponse>, Status> {
        const METHOD: &str = "ListProducts";
        let request = request.into_inner();
        let mut violations = Violations::new();
        let size = violations.page_size(request.page_size, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX);
        let after: Option<String> = violations.page_token(&request.page_token, METHOD, &());
        let size = violations.finish_with(size)?;
        let page = products::list_products(&self.reads, &after.unwrap_or_default(), size)
            .await
            .map_err(answers::not_read)?;
        let last = page.items.last().filter(|_| page.more).map(|stored| stored.product.sku().as_str());
        Ok(Response::new(ListProductsResponse {
            next_page_token: last.map(|sku| encode_page_token(METHOD, &(), &sku)).unwrap_or_default(),
            products: page.items.into_iter().map(write_product).collect(),
        }))
    }
}

fn read_upsert(mut request: UpsertProductsRequest) -> Result<Command, ApiError> {
    let mut violations = Violations::new();
    let key = violations.uuid("request_id", &request.request_id);
    request.request_id.clear();
    for product in &mut request.products {
        // Output only: it has no part in what is asked for.
        product.update_time = None;
    }
    let fingerprint = Fingerprint::of("UpsertProducts", &request.encode_to_vec());
    let products = read_products(request, violations)?;
    let key = RequestId::new(key.expect("a request without violations has a key"));
    Ok(Command { request: Keyed { key, fingerprint }, action: Action::UpsertProducts(products) })
}

fn read_sku(text: &str) -> Result<Sku, ApiError> {
    let mut violations = Violations::new();
    let sku = violations.take("sku", text.parse());
    violations.finish_with(sku)
}

fn read_skus(request: &BatchGetProductsRequest) -> Result<Vec<Sku>, ApiError> {
    let mut violations = Violations::new();
    let count = request.skus.len();
    if count == 0 || count > PRODUCTS_MAX {
        violations.add("skus", format!("must hold 1 to 1,000 SKUs, held {count}"));
        return violations.finish_with(None);
    }
    let read = |(index, sku): (usize, &String)| violations.take(&format!("skus[{index}]"), sku.parse());
    let skus = request.skus.iter().enumerate().filter_map(read).collect();
    violations.finish_with(Some(skus))
}
