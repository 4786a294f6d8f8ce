//! `GetStock`: the level of one SKU.

use bowline_database::Database;
use bowline_inventory_domain::Level;
use bowline_kernel::Sku;

use crate::infra::{self, Error};

/// The level; `None` when the SKU is not in the catalogue.
pub(crate) async fn get_stock(database: &Database, sku: &Sku) -> Result<Option<Level>, Error> {
    infra::find_level(&mut *database.acquire().await?, sku).await
}
