//! `GetStock`: the level of one SKU.

use bowline_inventory_domain::Level;
use bowline_kernel::Sku;
use sqlx::PgPool;

use crate::infra::{self, Error};

/// The level; `None` when the SKU is not in the catalogue.
pub(crate) async fn get_stock(pool: &PgPool, sku: &Sku) -> Result<Option<Level>, Error> {
    infra::find_level(pool, sku).await
}
