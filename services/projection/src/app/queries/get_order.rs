use bowline_kernel::OrderId;
use bowline_projection_domain::OrderView;

use super::Queries;
use crate::infra::order_views;
use crate::infra::row::ReadError;

impl Queries {
    /// The order; `None` while its `OrderPlaced` has not arrived.
    pub(crate) async fn order(&self, order: OrderId) -> Result<Option<OrderView>, ReadError> {
        let mut connection = self.connection().await?;
        let rows = order_views::stored(&mut connection, &[order]).await?;
        Ok(rows.into_iter().next().and_then(|(_, row)| row.view()))
    }
}
