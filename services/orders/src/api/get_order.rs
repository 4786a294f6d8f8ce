//! GetOrder.

use bowline_contracts::orders::v1;
use bowline_service::{ApiError, Violations};

use super::{Api, order_id, order_not_found, read_failed};
use crate::app::queries;

pub(super) async fn call(api: &Api, request: v1::GetOrderRequest) -> Result<v1::GetOrderResponse, ApiError> {
    let mut violations = Violations::new();
    let order = order_id(&mut violations, &request.order_id);
    let order_id = violations.finish_with(order)?;
    let order = queries::get_order(&api.reads, order_id).await.map_err(read_failed)?;
    order.map(|order| v1::GetOrderResponse { order: Some(order) }).ok_or_else(|| order_not_found(order_id))
}
