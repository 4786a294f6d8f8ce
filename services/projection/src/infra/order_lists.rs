//! Pages of orders, newest first. Each filter that has an index has a statement of its own, so that the plan does not
//! depend on what the planner makes of optional parameters.

use bowline_kernel::{CustomerId, OrderId};
use bowline_projection_domain::{OrderStatus, Patch};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use uuid::Uuid;

use super::row::{ReadError, Row, select_rows};

/// What must hold for an order to be listed.
#[derive(Debug, Clone)]
pub(crate) struct Filters {
    pub(crate) customer: Option<CustomerId>,
    pub(crate) status: Option<OrderStatus>,
    /// Placed at or after.
    pub(crate) from: DateTime<Utc>,
    /// Placed before.
    pub(crate) before: DateTime<Utc>,
}

/// A place in the list: what follows is older, or of the same time with a smaller id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    pub(crate) placed_at: DateTime<Utc>,
    pub(crate) order_id: Uuid,
}

impl Filters {
    /// The place before the first order: no id is smaller than zero, so nothing placed at `before` itself follows.
    pub(crate) fn start(&self) -> Cursor {
        Cursor { placed_at: self.before, order_id: Uuid::nil() }
    }
}

/// At most `limit` orders behind `after`. Orders that are not visible yet have no time and are in no list.
pub(crate) async fn page(
    connection: &mut PgConnection,
    filters: &Filters,
    after: Cursor,
    limit: u32,
) -> Result<Vec<(OrderId, Patch)>, ReadError> {
    let (from, limit) = (filters.from, i64::from(limit));
    let Cursor { placed_at: at, order_id: id } = after;
    let status = filters.status.map(OrderStatus::as_str);
    let rows = match (&filters.customer, filters.status) {
        (Some(customer), _) => {
            select_rows!(
                "WHERE customer_id = $1 AND ($2::text IS NULL OR status = $2)
                   AND placed_at >= $3 AND (placed_at, order_id) < ($4, $5)
                 ORDER BY placed_at DESC, order_id DESC LIMIT $6",
                [customer.as_str(), status, from, at, id, limit]
            )
            .fetch_all(connection)
            .await?
        }
        // The second condition says to the planner that the index of rare states serves.
        (None, Some(rare @ (OrderStatus::Pending | OrderStatus::Cancelled))) => {
            select_rows!(
                "WHERE status = $1 AND status <> 'confirmed'
                   AND placed_at >= $2 AND (placed_at, order_id) < ($3, $4)
                 ORDER BY placed_at DESC, order_id DESC LIMIT $5",
                [rare.as_str(), from, at, id, limit]
            )
            .fetch_all(connection)
            .await?
        }
        (None, Some(OrderStatus::Confirmed) | None) => {
            select_rows!(
                "WHERE ($1::text IS NULL OR status = $1)
                   AND placed_at >= $2 AND (placed_at, order_id) < ($3, $4)
                 ORDER BY placed_at DESC, order_id DESC LIMIT $5",
                [status, from, at, id, limit]
            )
            .fetch_all(connection)
            .await?
        }
    };
    rows.into_iter().map(Row::into_patch).collect()
}
