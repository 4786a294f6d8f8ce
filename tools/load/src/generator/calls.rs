//! The calls about one order, repeated until there is an answer.

use std::future::Future;
use std::time::Duration;

use bowline_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use bowline_contracts::orders::v1::{CancelOrderRequest, PlaceOrderLine, PlaceOrderRequest};
use bowline_resilience::{Retry, RetrySettings};
use tonic::{Response, Status};
use uuid::Uuid;

use super::answers::{Answer, CancelAnswer, Rejection, is_doubtful};
use super::connections::Connections;
use super::progress::Progress;
use super::request_id;
use crate::plan::PlannedOrder;

/// Waits between tries; without end, because a replay decides by its progress when to give up.
const RETRIES: RetrySettings = RetrySettings {
    attempts_max: None,
    backoff_min: Duration::from_millis(20),
    backoff_max: Duration::from_millis(500),
};

/// Repeats a call for as long as its answer leaves a doubt. `call` gets the number of the try, from 0.
pub(super) async fn until_certain<T, F>(
    name: &str,
    progress: &Progress,
    mut call: impl FnMut(usize) -> F,
) -> Result<T, Status>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let retry = Retry::new(RETRIES);
    let mut waits = None;
    let mut attempt = 0;
    loop {
        match call(attempt).await {
            Ok(response) => return Ok(response.into_inner()),
            Err(status) if is_doubtful(&status) => {
                progress.resending(name, &status);
                let waits = waits.get_or_insert_with(|| retry.waits());
                tokio::time::sleep(waits.next().unwrap_or(RETRIES.backoff_max)).await;
            }
            Err(status) => return Err(status),
        }
        attempt += 1;
    }
}

/// Places an order, and cancels it right after if its customer changes their mind.
pub(super) async fn place(
    index: usize,
    order: PlannedOrder,
    connections: &Connections,
    run_id: Uuid,
    progress: &Progress,
) -> (usize, Answer) {
    let placed = until_certain("PlaceOrder", progress, |attempt| {
        let mut client = OrdersServiceClient::new(connections.channel(index + attempt));
        let request = connections.request(place_request(&order, run_id));
        async move { client.place_order(request).await }
    });
    let mut answer = match placed.await {
        Ok(response) => Answer::placed(response.order.as_ref()),
        Err(status) => Answer::Rejected(Rejection::from_status(&status)),
    };
    if let Answer::Placed { order_id, cancel, .. } = &mut answer
        && order.cancels
    {
        let order_id = order_id.to_string();
        let cancelled = until_certain("CancelOrder", progress, |attempt| {
            let mut client = OrdersServiceClient::new(connections.channel(index + attempt));
            let request = connections.request(CancelOrderRequest {
                request_id: request_id(run_id, "cancel", &order.invoice),
                order_id: order_id.clone(),
            });
            async move { client.cancel_order(request).await }
        });
        *cancel = match cancelled.await {
            Ok(response) => CancelAnswer::from_order(response.order.as_ref()),
            Err(status) => CancelAnswer::from_status(&status),
        };
    }
    (index, answer)
}

fn place_request(order: &PlannedOrder, run_id: Uuid) -> PlaceOrderRequest {
    PlaceOrderRequest {
        request_id: request_id(run_id, "place", &order.invoice),
        customer_id: order.customer.to_string(),
        lines: order
            .lines
            .iter()
            .map(|line| PlaceOrderLine { sku: line.sku.to_string(), quantity: line.quantity })
            .collect(),
        payment_token: order.payment_token.clone(),
        country: order.country.to_string(),
    }
}
