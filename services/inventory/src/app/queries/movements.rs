//! `ListMovements`: the ledger of one SKU.

use bowline_database::Database;
use bowline_kernel::Sku;
use uuid::Uuid;

use super::Paged;
use crate::infra::{self, Entry, Error, Page};

/// The movements after `after` (all when it is nil), oldest first; `None` when the SKU is not in the catalogue.
pub(crate) async fn list_movements(
    database: &Database,
    sku: &Sku,
    after: Uuid,
    size: u32,
) -> Result<Option<Paged<Entry>>, Error> {
    let mut connection = database.acquire().await?;
    let entries =
        infra::list_movements(&mut connection, sku, Page { after, limit: i64::from(size) + 1 }).await?;
    if entries.is_empty() && infra::find_level(&mut connection, sku).await?.is_none() {
        return Ok(None);
    }
    Ok(Some(Paged::cut(entries, size)))
}
