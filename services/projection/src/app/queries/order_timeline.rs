use bowline_contracts::events::Published as _;
use bowline_contracts::orders::v1::OrderPlaced;
use bowline_kernel::OrderId;
use bowline_projection_domain::{TimelineEntry, order_timeline};

use super::Queries;
use crate::infra::row::ReadError;
use crate::infra::timeline;

impl Queries {
    /// Every event of the order's saga so far, causes before effects; `None` while its `OrderPlaced` has not arrived.
    pub(crate) async fn timeline(&self, order: OrderId) -> Result<Option<Vec<TimelineEntry>>, ReadError> {
        let mut connection = self.connection().await?;
        let entries = timeline::load(&mut connection, order).await?;
        let placed = entries.iter().any(|entry| entry.event_type == OrderPlaced::TYPE);
        Ok(placed.then(|| order_timeline(entries)))
    }
}
