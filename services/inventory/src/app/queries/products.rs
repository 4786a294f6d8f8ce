//! `GetProduct`, `BatchGetProducts` and `ListProducts`: the catalogue.

use std::collections::HashSet;

use bowline_database::Database;
use bowline_kernel::Sku;

use super::Paged;
use crate::infra::{self, Error, StoredProduct};

/// Products asked for by SKU.
#[derive(Debug)]
pub(crate) struct Found {
    /// Those that are in the catalogue, in order of SKU.
    pub(crate) products: Vec<StoredProduct>,
    /// The SKUs that are not, in the order in which they were asked for, each once.
    pub(crate) unknown: Vec<Sku>,
}

/// One product, if it is in the catalogue.
pub(crate) async fn get_product(database: &Database, sku: &Sku) -> Result<Option<StoredProduct>, Error> {
    Ok(infra::find_products(&mut *database.acquire().await?, &[sku.as_str()]).await?.pop())
}

/// Several products at once.
pub(crate) async fn batch_get_products(database: &Database, skus: Vec<Sku>) -> Result<Found, Error> {
    let names: Vec<&str> = skus.iter().map(Sku::as_str).collect();
    let products = infra::find_products(&mut *database.acquire().await?, &names).await?;
    let mut seen: HashSet<Sku> = products.iter().map(|stored| stored.product.sku().clone()).collect();
    let unknown = skus.into_iter().filter(|sku| seen.insert(sku.clone())).collect();
    Ok(Found { products, unknown })
}

/// A page of all products, in order of SKU, that come after `after`; all come after the empty text.
pub(crate) async fn list_products(
    database: &Database,
    after: &str,
    size: u32,
) -> Result<Paged<StoredProduct>, Error> {
    Ok(Paged::cut(
        infra::list_products(&mut *database.acquire().await?, after, i64::from(size) + 1).await?,
        size,
    ))
}
