//! Levels: locked by the batch that changes them, read by queries.

use bowline_inventory_domain::Level;
use bowline_kernel::Sku;
use sqlx::PgConnection;

use super::Error;

/// Locks the levels of `skus` until the transaction ends, and reads them. SKUs without a level are not in the catalogue
/// and are left out.
pub(crate) async fn lock_levels(
    connection: &mut PgConnection,
    skus: &[&str],
) -> Result<Vec<(Sku, Level)>, Error> {
    if skus.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!(
        "SELECT sku, available, reserved, sold FROM inventory.levels WHERE sku = ANY($1)
          ORDER BY sku -- all batches wait for each other in the same order
            FOR UPDATE",
        skus as &[&str],
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let level = level(&row.sku, row.available, row.reserved, row.sold)?;
            let sku = row.sku.parse().map_err(|error| Error::corrupt("levels", &row.sku, &error))?;
            Ok((sku, level))
        })
        .collect()
}

/// The level of one SKU; `None` when it is not in the catalogue.
pub(crate) async fn find_level(connection: &mut PgConnection, sku: &Sku) -> Result<Option<Level>, Error> {
    let row =
        sqlx::query!("SELECT available, reserved, sold FROM inventory.levels WHERE sku = $1", sku.as_str())
            .fetch_optional(connection)
            .await?;
    row.map(|row| level(sku.as_str(), row.available, row.reserved, row.sold)).transpose()
}

fn level(sku: &str, available: i64, reserved: i64, sold: i64) -> Result<Level, Error> {
    Level::new(available, reserved, sold).ok_or_else(|| Error::corrupt("levels", &sku, &"its sum overflows"))
}
