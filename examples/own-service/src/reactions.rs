//! What this service does about messages: one file a message.

mod on_order_cancelled;
mod on_order_confirmed;
mod on_order_placed;

use bowline_contracts::events::{OrdersEvent, Published as _};
use bowline_contracts::orders::v1::{OrderCancelled, OrderConfirmed, OrderPlaced};
use bowline_messaging::{ExecuteError, Incoming, Listener};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::points::Points;
use crate::store;

/// Keeps the points of orders.
#[derive(Debug)]
pub struct Loyalty;

impl Listener for Loyalty {
    type Effect = Points;

    fn concerns(&self, message_type: &str) -> bool {
        [OrderPlaced::TYPE, OrderConfirmed::TYPE, OrderCancelled::TYPE].contains(&message_type)
    }

    fn read(&self, message: &Incoming) -> Result<Option<Points>, String> {
        let event = OrdersEvent::read(message.key, &message.envelope.message_type, &message.payload);
        match event.map_err(|unreadable| unreadable.to_string())? {
            Some(OrdersEvent::Placed(event)) => on_order_placed::points(&event).map(Some),
            Some(OrdersEvent::Confirmed(_)) => Ok(Some(on_order_confirmed::POINTS)),
            Some(OrdersEvent::Cancelled(_)) => Ok(Some(on_order_cancelled::POINTS)),
            Some(OrdersEvent::Finished(_)) | None => Ok(None),
        }
    }

    async fn write(
        &mut self,
        connection: &mut PgConnection,
        effects: Vec<(Uuid, Points)>,
    ) -> Result<(), ExecuteError> {
        store::merge(connection, &effects).await
    }
}
