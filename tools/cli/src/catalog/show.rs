//! Products as people read them.

use bowline_contracts::inventory::v1::Product;

use crate::tables::{at, money, table};

/// The catalogue, or its beginning. `here` finds the same stack again.
pub(super) fn products(products: &[Product], here: &str) -> String {
    if products.is_empty() {
        return format!("the catalogue is empty; `bowline catalog import FILE{here}` fills it\n");
    }
    found(products)
}

/// Those that were asked for and are there.
pub(super) fn found(products: &[Product]) -> String {
    if products.is_empty() {
        return String::new();
    }
    let mut table = table(&["sku", "name", "price", "changed"]);
    for product in products {
        let (sku, name) = (product.sku.clone(), product.name.clone());
        table.add_row([sku, name, money(product.price.as_ref()), at(product.update_time.as_ref())]);
    }
    format!("{table}\n")
}
