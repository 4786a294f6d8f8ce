//! CancelOrder.

use bowline_contracts::orders::v1;
use bowline_idempotency::{Fingerprint, Request};
use bowline_kernel::RequestId;
use bowline_service::{ApiError, Violations};

use super::{Api, order_id};
use crate::app::command::{Action, Call};

const METHOD: &str = "bowline.orders.v1.OrdersService/CancelOrder";

pub(super) async fn call(
    api: &Api,
    request: v1::CancelOrderRequest,
    traceparent: Option<String>,
) -> Result<v1::CancelOrderResponse, ApiError> {
    let mut violations = Violations::new();
    let key = violations.uuid("request_id", &request.request_id);
    let order = order_id(&mut violations, &request.order_id);
    let (key, order_id) = violations.finish_with(key.zip(order))?;
    let fingerprint = Fingerprint::of(METHOD, order_id.uuid().as_bytes());
    let request = Request { key: RequestId::new(key), fingerprint };
    let order = api.execute(Call { request, order_id, traceparent, action: Action::Cancel }).await?;
    Ok(v1::CancelOrderResponse { order: Some(order) })
}
