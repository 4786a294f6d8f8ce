//! Products as people read them.

use bowline_contracts::inventory::v1::Product;
use bowline_kernel::{Clock as _, SystemClock};

use crate::tables::{listed, money, table, when};

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
    let now = SystemClock.now();
    let mut table = table(&["sku", "name", "price", "changed UTC"]);
    for product in products {
        let (sku, name) = (product.sku.clone(), product.name.clone());
        table.add_row([sku, name, money(product.price.as_ref()), when(product.update_time.as_ref(), now)]);
    }
    listed(table, &["changed UTC"], "name")
}
