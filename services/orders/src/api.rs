//! The gRPC API.

mod cancel_order;
mod get_order;
mod history;
mod place_order;

use std::iter;
use std::sync::Arc;
use std::time::Duration;

use bowline_contracts::orders::v1;
use bowline_contracts::orders::v1::orders_service_server::OrdersService;
use bowline_contracts::partition;
use bowline_contracts::topics::PARTITIONS;
use bowline_database::Database;
use bowline_kernel::{Clock, IdSource, OrderId};
use bowline_messaging::{Commands, Owned};
use bowline_orders_domain::LineLimits;
use bowline_service::{
    ApiError, ErrorKind, Forwarding, Origin, Violations, command_failed, request_id_reused,
};
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::app::command::{Call, Command};
use crate::app::queries;
use crate::app::reply::Reply;
use crate::infra::catalogue::Catalogue;

/// Answers calls.
#[derive(Clone)]
pub struct Api {
    pub(crate) commands: Commands<Command, Reply>,
    pub(crate) reads: Database,
    pub(crate) catalogue: Catalogue,
    pub(crate) limits: LineLimits,
    pub(crate) owned: watch::Receiver<Owned>,
    pub(crate) forwarding: Forwarding,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
}

/// How often an id is minted anew until it falls into the partition that it shall have; one of 8 needs 8 tries on average.
const MINTING_TRIES: usize = 256;

impl Api {
    /// An id in a partition of this replica, so that replicas do not queue at the same lane heads; and in the same one for
    /// all orders of a batch, so that they stay together on their way: in one lane, in one request to the broker, in one
    /// fetch of whoever hears it. Any id will do while none is owned.
    fn mint(&self) -> OrderId {
        let wanted = partition_of_turn(&self.owned.borrow(), self.commands.turns().so_far());
        let fits = |id: &Uuid| wanted.is_none_or(|wanted| partition::of_key(*id, PARTITIONS) == wanted);
        let mut ids = iter::repeat_with(|| self.ids.next_id());
        let id = ids.by_ref().take(MINTING_TRIES).find(fits);
        OrderId::new(id.unwrap_or_else(|| self.ids.next_id()))
    }

    /// Executes what a caller asks for; what went wrong as the caller sees it.
    async fn execute(&self, call: Call) -> Result<v1::Order, ApiError> {
        let order_id = call.order_id;
        let reply = self.commands.execute(Command::Call(call)).await.map_err(command_failed)?;
        self.answer(reply, order_id).await
    }

    /// What a reply means to a caller. A repeated request is answered with the order as it was after the first one.
    async fn answer(&self, reply: Reply, order_id: OrderId) -> Result<v1::Order, ApiError> {
        match reply {
            Reply::Done(order) => Ok(*order),
            Reply::DoneBefore(done) => {
                let order = queries::get_order_at(&self.reads, done.order_id, done.version)
                    .await
                    .map_err(read_failed)?;
                order.ok_or_else(|| order_not_found(done.order_id))
            }
            Reply::Refused(refusal) => {
                let refused = ApiError::new(ErrorKind::Precondition, refusal.reason, refusal.message);
                Err(refused.with("order_id", order_id))
            }
            Reply::NotFound => Err(order_not_found(order_id)),
            Reply::KeyReused => Err(request_id_reused()),
            Reply::Expired(_) => Err(ApiError::internal("a caller got the reply to a deadline")),
        }
    }
}

/// The partitions of a replica take turns.
fn partition_of_turn(owned: &Owned, turn: u64) -> Option<u16> {
    let nth = turn.checked_rem(owned.len() as u64)?;
    owned.keys().zip(0..).find_map(|(partition, place)| (place == nth).then_some(*partition))
}

/// Something that this service needs is away; the caller should try again with the same request id.
fn unavailable(reason: &'static str, message: &str) -> ApiError {
    ApiError::new(ErrorKind::Unavailable, reason, message).retry_after(Duration::from_millis(500))
}

/// A read failed: the database is away, or an event cannot be read.
fn read_failed(error: bowline_event_store::Error) -> ApiError {
    bowline_service::read_failed(error.fault(), error)
}

/// An id in the order that a caller named.
fn order_id(violations: &mut Violations, text: &str) -> Option<OrderId> {
    violations.uuid("order_id", text).map(OrderId::new)
}

fn order_not_found(order_id: OrderId) -> ApiError {
    ApiError::new(ErrorKind::NotFound, "ORDER_NOT_FOUND", "there is no such order").with("order_id", order_id)
}

#[tonic::async_trait]
impl OrdersService for Api {
    async fn place_order(
        &self,
        request: Request<v1::PlaceOrderRequest>,
    ) -> Result<Response<v1::PlaceOrderResponse>, Status> {
        let traceparent = Origin::of(&request).traceparent().map(str::to_owned);
        Ok(Response::new(place_order::call(self, request.into_inner(), traceparent).await?))
    }

    async fn cancel_order(
        &self,
        request: Request<v1::CancelOrderRequest>,
    ) -> Result<Response<v1::CancelOrderResponse>, Status> {
        let origin = Origin::of(&request);
        Ok(Response::new(cancel_order::call(self, request.into_inner(), &origin).await?))
    }

    async fn get_order(
        &self,
        request: Request<v1::GetOrderRequest>,
    ) -> Result<Response<v1::GetOrderResponse>, Status> {
        Ok(Response::new(get_order::call(self, request.into_inner()).await?))
    }

    async fn get_order_history(
        &self,
        request: Request<v1::GetOrderHistoryRequest>,
    ) -> Result<Response<v1::GetOrderHistoryResponse>, Status> {
        Ok(Response::new(history::call(self, request.into_inner()).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partitions_of_a_replica_take_turns() {
        let owned = Owned::from([(1, 7), (4, 9), (6, 2)]);
        let turns = (0..5).map(|turn| partition_of_turn(&owned, turn));
        assert!(turns.eq([1, 4, 6, 1, 4].map(Some)));
        assert_eq!(partition_of_turn(&Owned::new(), 3), None, "any will do");
    }
}
