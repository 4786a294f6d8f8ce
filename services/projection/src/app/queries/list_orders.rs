use bowline_kernel::OrderId;
use bowline_projection_domain::OrderView;

use super::Queries;
use crate::infra::order_lists;
use crate::infra::row::ReadError;

pub(crate) use crate::infra::order_lists::{Cursor, Filters};

/// Some of the orders that were asked for.
#[derive(Debug)]
pub(crate) struct Page {
    /// Newest first.
    pub(crate) orders: Vec<(OrderId, OrderView)>,
    /// Where the next page begins; none if there is none.
    pub(crate) next: Option<Cursor>,
}

impl Queries {
    /// At most `size` orders behind `after`, newest first.
    pub(crate) async fn orders(
        &self,
        filters: &Filters,
        after: Option<Cursor>,
        size: u32,
    ) -> Result<Page, ReadError> {
        let mut connection = self.connection().await?;
        // One more than asked for tells whether there is another page.
        let after = after.unwrap_or_else(|| filters.start());
        let rows = order_lists::page(&mut connection, filters, after, size.saturating_add(1)).await?;
        let more = rows.len() > size as usize;
        let orders: Vec<_> = rows
            .into_iter()
            .take(size as usize)
            .filter_map(|(order, row)| Some((order, row.view()?)))
            .collect();
        let last = orders.last().filter(|_| more);
        let next = last.map(|(id, view)| Cursor { placed_at: view.placed_at, order_id: id.uuid() });
        Ok(Page { orders, next })
    }
}
