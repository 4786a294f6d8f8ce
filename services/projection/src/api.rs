//! `bowline.projection.v1.QueryService`: validation and mapping.

mod errors;
mod list_orders;
mod views;

use bowline_contracts::projection::v1;
use bowline_contracts::projection::v1::query_service_server::QueryService;
use bowline_kernel::OrderId;
use bowline_service::{ApiError, Violations};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tonic::{Request, Response, Status};

use crate::app::queries::Queries;
use crate::app::watches::{Watch, Watches};

/// Answers the calls of readers.
#[derive(Debug)]
pub(crate) struct QueryApi {
    queries: Queries,
    watches: Watches,
}

impl QueryApi {
    pub(crate) fn new(queries: Queries, watches: Watches) -> Self {
        Self { queries, watches }
    }
}

#[tonic::async_trait]
impl QueryService for QueryApi {
    type WatchOrderStream = BoxStream<'static, Result<v1::WatchOrderResponse, Status>>;

    async fn get_order(
        &self,
        request: Request<v1::GetOrderRequest>,
    ) -> Result<Response<v1::GetOrderResponse>, Status> {
        let id = order_id(&request.into_inner().order_id)?;
        let view = self.queries.order(id).await.map_err(errors::of_read)?;
        let view = view.ok_or_else(|| errors::order_not_found(id))?;
        Ok(Response::new(v1::GetOrderResponse { order: Some(views::order(id, &view)) }))
    }

    async fn list_orders(
        &self,
        request: Request<v1::ListOrdersRequest>,
    ) -> Result<Response<v1::ListOrdersResponse>, Status> {
        let list_orders::Asked { filters, after, size } = list_orders::read(&request.into_inner())?;
        let page = self.queries.orders(&filters, after, size).await.map_err(errors::of_read)?;
        Ok(Response::new(list_orders::response(&filters, &page)))
    }

    async fn get_order_timeline(
        &self,
        request: Request<v1::GetOrderTimelineRequest>,
    ) -> Result<Response<v1::GetOrderTimelineResponse>, Status> {
        let id = order_id(&request.into_inner().order_id)?;
        let entries = self.queries.timeline(id).await.map_err(errors::of_read)?;
        let entries = entries.ok_or_else(|| errors::order_not_found(id))?;
        let entries = entries.into_iter().map(views::timeline_entry).collect();
        Ok(Response::new(v1::GetOrderTimelineResponse { entries }))
    }

    async fn watch_order(
        &self,
        request: Request<v1::WatchOrderRequest>,
    ) -> Result<Response<Self::WatchOrderStream>, Status> {
        let id = order_id(&request.into_inner().order_id)?;
        let watch = self.watches.watch(id).map_err(errors::of_watch)?;
        Ok(Response::new(states(id, watch)))
    }
}

fn order_id(text: &str) -> Result<OrderId, ApiError> {
    let mut violations = Violations::new();
    let id = violations.uuid("order_id", text).map(OrderId::new);
    violations.finish_with(id)
}

/// The states of an order. The watch ends with the stream: after the order's end, or when the caller leaves.
fn states(id: OrderId, watch: Watch) -> BoxStream<'static, Result<v1::WatchOrderResponse, Status>> {
    stream::unfold(watch, move |mut watch| async move {
        let state = match watch.next().await? {
            Ok(view) => Ok(v1::WatchOrderResponse { order: Some(views::order(id, &view)) }),
            Err(error) => Err(errors::of_watch(error).into()),
        };
        Some((state, watch))
    })
    .boxed()
}
