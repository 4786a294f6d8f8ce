//! Products.

use std::collections::HashSet;

use bowline_inventory_domain::Product;
use bowline_kernel::{Currency, Money, Sku};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use super::Error;

/// A product with the time of its last change.
#[derive(Debug, Clone)]
pub(crate) struct StoredProduct {
    pub(crate) product: Product,
    pub(crate) updated_at: DateTime<Utc>,
}

/// Creates or replaces `products`, no SKU twice, and gives each new one its level. Returns the SKUs that were new.
pub(crate) async fn upsert_products(
    connection: &mut PgConnection,
    products: &[&Product],
    now: DateTime<Utc>,
) -> Result<HashSet<String>, Error> {
    if products.is_empty() {
        return Ok(HashSet::new());
    }
    let skus: Vec<&str> = products.iter().map(|product| product.sku().as_str()).collect();
    let names: Vec<&str> = products.iter().map(|product| product.name()).collect();
    let prices: Vec<i64> = products.iter().map(|product| product.price().minor).collect();
    let currencies: Vec<&str> = products.iter().map(|product| product.price().currency.code()).collect();
    let images: Vec<&str> = products.iter().map(|product| product.image_uri()).collect();
    let created = sqlx::query_scalar!(
        "WITH upserted AS (
             INSERT INTO inventory.products AS p (sku, name, price_minor, currency, image_uri, updated_at)
             SELECT v.sku, v.name, v.price_minor, v.currency, v.image_uri, $6
               FROM unnest($1::text[], $2::text[], $3::int8[], $4::text[], $5::text[])
                    v(sku, name, price_minor, currency, image_uri)
              ORDER BY v.sku COLLATE \"C\" -- all batches wait for each other in the same order
                 ON CONFLICT (sku) DO UPDATE
                SET name = excluded.name, price_minor = excluded.price_minor, currency = excluded.currency,
                    image_uri = excluded.image_uri, updated_at = excluded.updated_at
             RETURNING p.sku)
         INSERT INTO inventory.levels (sku) SELECT sku FROM upserted
             ON CONFLICT (sku) DO NOTHING -- a level stays what it is
         RETURNING sku",
        &skus as &[&str],
        &names as &[&str],
        &prices,
        &currencies as &[&str],
        &images as &[&str],
        now,
    )
    .fetch_all(connection)
    .await?;
    Ok(created.into_iter().collect())
}

/// The products with these SKUs, in order of SKU.
pub(crate) async fn find_products(
    connection: &mut PgConnection,
    skus: &[&str],
) -> Result<Vec<StoredProduct>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT sku, name, price_minor, currency, image_uri, updated_at FROM inventory.products
          WHERE sku = ANY($1) ORDER BY sku",
        skus as &[&str],
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

/// At most `limit` products whose SKUs come after `after`, in order of SKU; all SKUs come after the empty text.
pub(crate) async fn list_products(
    connection: &mut PgConnection,
    after: &str,
    limit: i64,
) -> Result<Vec<StoredProduct>, Error> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT sku, name, price_minor, currency, image_uri, updated_at FROM inventory.products
          WHERE sku > $1 ORDER BY sku LIMIT $2",
        after,
        limit,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(Row::read).collect()
}

struct Row {
    sku: String,
    name: String,
    price_minor: i64,
    currency: String,
    image_uri: String,
    updated_at: DateTime<Utc>,
}

impl Row {
    fn read(self) -> Result<StoredProduct, Error> {
        let corrupt = |reason: String| Error::corrupt("products", &self.sku, &reason);
        let sku: Sku = self.sku.parse().map_err(|error| corrupt(format!("its SKU {error}")))?;
        let currency = Currency::from_code(&self.currency)
            .ok_or_else(|| corrupt(format!("{} is no currency", self.currency)))?;
        let product = Product::new(sku, self.name, Money::new(self.price_minor, currency), self.image_uri)
            .map_err(|faults| corrupt(format!("{} is malformed", faults[0].field)))?;
        Ok(StoredProduct { product, updated_at: self.updated_at })
    }
}
