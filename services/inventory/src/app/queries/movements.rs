//! `ListMovements`: the ledger of one SKU.

use bowline_kernel::Sku;
use sqlx::PgPool;
use uuid::Uuid;

use super::Paged;
use crate::infra::{self, Entry, Error, Page};

/// The movements after `after` (all when it is nil), oldest first; `None` when the SKU is not in the catalogue.
pub(crate) async fn list_movements(
    pool: &PgPool,
    sku: &Sku,
    after: Uuid,
    size: u32,
) -> Result<Option<Paged<Entry>>, Error> {
    let entries = infra::list_movements(pool, sku, Page { after, limit: i64::from(size) + 1 }).await?;
    if entries.is_empty() && infra::find_level(pool, sku).await?.is_none() {
        return Ok(None);
    }
    Ok(Some(Paged::cut(entries, size)))
}
