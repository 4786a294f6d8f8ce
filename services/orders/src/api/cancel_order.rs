//! CancelOrder: executed by the replica that owns the order, if it can be reached.

use bowline_contracts::orders::v1;
use bowline_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_idempotency::{Fingerprint, Request};
use bowline_kernel::RequestId;
use bowline_service::{Origin, Violations};
use tonic::Status;

use super::{Api, order_id};
use crate::app::command::{Action, Call};

const METHOD: &str = "bowline.orders.v1.OrdersService/CancelOrder";
/// Room for an order with as many lines as one may have.
const ANSWER_BYTES_MAX: usize = 16 << 20;

pub(super) async fn call(
    api: &Api,
    asked: v1::CancelOrderRequest,
    origin: &Origin,
) -> Result<v1::CancelOrderResponse, Status> {
    let mut violations = Violations::new();
    let key = violations.uuid("request_id", &asked.request_id);
    let order = order_id(&mut violations, &asked.order_id);
    let (key, order_id) = violations.finish_with(key.zip(order))?;
    let partition = partition::of_key(order_id.uuid(), PARTITIONS);
    let forward = api.forwarding.forward(partition, origin, asked, |owner, request| async {
        let mut owner = OrdersServiceClient::new(owner).max_decoding_message_size(ANSWER_BYTES_MAX);
        owner.cancel_order(request).await
    });
    if let Some(answer) = forward.await {
        return answer;
    }
    let fingerprint = Fingerprint::of(METHOD, order_id.uuid().as_bytes());
    let request = Request { key: RequestId::new(key), fingerprint };
    let traceparent = origin.traceparent().map(str::to_owned);
    let order = api.execute(Call { request, order_id, traceparent, action: Action::Cancel }).await?;
    Ok(v1::CancelOrderResponse { order: Some(order) })
}
