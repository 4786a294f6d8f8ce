//! Services that speak the real protocol and lose every first answer.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use bowline_contracts::common::v1::Money;
use bowline_contracts::inventory::v1 as inventory;
use bowline_contracts::inventory::v1::catalog_service_server::{CatalogService, CatalogServiceServer};
use bowline_contracts::inventory::v1::inventory_service_server::{InventoryService, InventoryServiceServer};
use bowline_contracts::orders::v1 as orders;
use bowline_contracts::orders::v1::orders_service_server::{OrdersService, OrdersServiceServer};
use bowline_kernel::{IdSource as _, OrderId, SequentialIds};
use chrono::DateTime;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::super::events::{CancelReason, EndState, SagaEvent, SagaEventKind};
use crate::plan::DECLINED_TOKEN_PREFIX;

type Answer<T> = Result<Response<T>, Status>;

/// What the services were asked, each request counted once however often it came.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) orders: HashMap<String, orders::Order>,
    pub(super) tries: u64,
    pub(super) products: Vec<usize>,
    pub(super) units: i64,
    requests: HashSet<String>,
}

/// Accepts every order at 100 pence a unit and ends its saga before it answers.
pub(super) struct Services {
    seen: Arc<Mutex<Seen>>,
    ids: SequentialIds,
    events: UnboundedSender<SagaEvent>,
}

/// Starts the services; they stop when the set is dropped.
pub(super) async fn start(events: UnboundedSender<SagaEvent>) -> (String, Arc<Mutex<Seen>>, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::<Mutex<Seen>>::default();
    let services = Arc::new(Services { seen: Arc::clone(&seen), ids: SequentialIds::default(), events });
    let server = Server::builder()
        .add_service(OrdersServiceServer::from_arc(Arc::clone(&services)))
        .add_service(CatalogServiceServer::from_arc(Arc::clone(&services)))
        .add_service(InventoryServiceServer::from_arc(services));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap() });
    (address, seen, tasks)
}

impl Services {
    fn accept(&self, request: &orders::PlaceOrderRequest) -> orders::Order {
        let order_id = OrderId::new(self.ids.next_id());
        let placed_at = DateTime::UNIX_EPOCH;
        let tell = |kind| self.events.send(SagaEvent { order_id, at: placed_at, kind }).ok();
        let end = if request.payment_token.starts_with(DECLINED_TOKEN_PREFIX) {
            EndState::Cancelled(CancelReason::PaymentDeclined)
        } else {
            tell(SagaEventKind::Confirmed { placed_at });
            EndState::Confirmed
        };
        tell(SagaEventKind::Finished { end });
        tell(SagaEventKind::Finished { end });
        let line = |line: &orders::PlaceOrderLine| orders::OrderLine {
            sku: line.sku.clone(),
            quantity: line.quantity,
            ..Default::default()
        };
        let lines: Vec<orders::OrderLine> = request.lines.iter().map(line).collect();
        let amount_minor = lines.iter().map(|line| i64::from(line.quantity) * 100).sum();
        orders::Order {
            order_id: order_id.to_string(),
            total: Some(Money { currency_code: "GBP".to_owned(), amount_minor }),
            lines,
            ..Default::default()
        }
    }
}

#[tonic::async_trait]
impl OrdersService for Services {
    async fn place_order(
        &self,
        request: Request<orders::PlaceOrderRequest>,
    ) -> Answer<orders::PlaceOrderResponse> {
        let request = request.into_inner();
        if let Some(at) = request.lines.iter().position(|line| line.quantity > 100_000) {
            let field = format!("lines[{at}].quantity");
            let details = ErrorDetails::with_bad_request_violation(field, "must be 1 to 100000");
            return Err(Status::with_error_details(Code::InvalidArgument, "invalid", details));
        }
        let mut seen = self.seen.lock().unwrap();
        seen.tries += 1;
        if let Some(order) = seen.orders.get(&request.request_id) {
            return Ok(Response::new(orders::PlaceOrderResponse { order: Some(order.clone()) }));
        }
        let order = self.accept(&request);
        seen.orders.insert(request.request_id, order);
        Err(Status::unavailable("the answer is lost"))
    }

    async fn cancel_order(
        &self,
        _: Request<orders::CancelOrderRequest>,
    ) -> Answer<orders::CancelOrderResponse> {
        Err(Status::failed_precondition("the order is confirmed"))
    }

    async fn get_order(&self, _: Request<orders::GetOrderRequest>) -> Answer<orders::GetOrderResponse> {
        Err(Status::unimplemented("not asked by the generator"))
    }

    async fn get_order_history(
        &self,
        _: Request<orders::GetOrderHistoryRequest>,
    ) -> Answer<orders::GetOrderHistoryResponse> {
        Err(Status::unimplemented("not asked by the generator"))
    }
}

#[tonic::async_trait]
impl CatalogService for Services {
    async fn upsert_products(
        &self,
        request: Request<inventory::UpsertProductsRequest>,
    ) -> Answer<inventory::UpsertProductsResponse> {
        let request = request.into_inner();
        let mut seen = self.seen.lock().unwrap();
        if seen.requests.insert(request.request_id) {
            seen.products.push(request.products.len());
            return Err(Status::aborted("the answer is lost"));
        }
        Ok(Response::new(inventory::UpsertProductsResponse::default()))
    }

    async fn get_product(
        &self,
        _: Request<inventory::GetProductRequest>,
    ) -> Answer<inventory::GetProductResponse> {
        Err(Status::unimplemented("not asked by the generator"))
    }

    async fn batch_get_products(
        &self,
        _: Request<inventory::BatchGetProductsRequest>,
    ) -> Answer<inventory::BatchGetProductsResponse> {
        Err(Status::unimplemented("not asked by the generator"))
    }

    async fn list_products(
        &self,
        _: Request<inventory::ListProductsRequest>,
    ) -> Answer<inventory::ListProductsResponse> {
        Err(Status::unimplemented("not asked by the generator"))
    }
}

#[tonic::async_trait]
impl InventoryService for Services {
    async fn get_stock(&self, _: Request<inventory::GetStockRequest>) -> Answer<inventory::GetStockResponse> {
        Err(Status::unimplemented("not asked by the generator"))
    }

    async fn adjust_stock(
        &self,
        request: Request<inventory::AdjustStockRequest>,
    ) -> Answer<inventory::AdjustStockResponse> {
        let request = request.into_inner();
        let mut seen = self.seen.lock().unwrap();
        if seen.requests.insert(request.request_id) {
            seen.units += request.adjustments.iter().map(|adjustment| adjustment.delta).sum::<i64>();
            return Err(Status::unavailable("the answer is lost"));
        }
        Ok(Response::new(inventory::AdjustStockResponse::default()))
    }

    async fn list_movements(
        &self,
        _: Request<inventory::ListMovementsRequest>,
    ) -> Answer<inventory::ListMovementsResponse> {
        Err(Status::unimplemented("not asked by the generator"))
    }
}
