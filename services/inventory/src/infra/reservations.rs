//! Reservations: one row an order.

use std::collections::HashMap;

use bowline_inventory_domain::Reservation;
use bowline_kernel::OrderId;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;

/// What is known of `orders`; orders that nothing was heard of are left out. The caller holds the locks of their
/// partitions.
pub(crate) async fn load_reservations(
    connection: &mut PgConnection,
    orders: &[Uuid],
) -> Result<HashMap<OrderId, Reservation>, Error> {
    if orders.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!(
        "SELECT order_id, reservation FROM inventory.reservations WHERE order_id = ANY($1)",
        orders,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let reservation = serde_json::from_slice(&row.reservation)
                .map_err(|error| Error::corrupt("reservations", &row.order_id, &error))?;
            Ok((OrderId::new(row.order_id), reservation))
        })
        .collect()
}
