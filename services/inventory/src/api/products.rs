//! Products between protobuf and the domain.

use std::collections::HashSet;

use bowline_contracts::convert::{money, timestamp};
use bowline_contracts::inventory::v1::{self, UpsertProductsRequest};
use bowline_inventory_domain::Product;
use bowline_kernel::{Currency, Money, Sku};
use bowline_service::{ApiError, Violations};

use crate::infra::StoredProduct;

/// The most products or SKUs in one request.
pub(super) const PRODUCTS_MAX: usize = 1_000;

/// The request's products, or everything that is wrong with it.
pub(super) fn read_products(
    request: UpsertProductsRequest,
    mut violations: Violations,
) -> Result<Vec<Product>, ApiError> {
    let count = request.products.len();
    if count == 0 || count > PRODUCTS_MAX {
        violations.add("products", format!("must hold 1 to 1,000 products, held {count}"));
        return violations.finish_with(None);
    }
    let mut seen = HashSet::with_capacity(count);
    let mut products = Vec::with_capacity(count);
    for (index, product) in request.products.into_iter().enumerate() {
        violations.within(&format!("products[{index}]"), |violations| {
            let Some(product) = read_product(product, violations) else { return };
            if seen.insert(product.sku().clone()) {
                products.push(product);
            } else {
                violations.add("sku", format!("must not be named twice, was \"{}\"", product.sku()));
            }
        });
    }
    violations.finish_with(Some(products))
}

fn read_product(product: v1::Product, violations: &mut Violations) -> Option<Product> {
    let sku: Option<Sku> = violations.take("sku", product.sku.parse());
    let price = violations.required("price", product.price).and_then(|price| {
        let currency = Currency::from_code(&price.currency_code);
        if currency.is_none() {
            let expected = "must be an ISO 4217 code such as GBP";
            violations.add("price.currency_code", format!("{expected}, was \"{}\"", price.currency_code));
        }
        currency.map(|currency| Money::new(price.amount_minor, currency))
    });
    // What is malformed is replaced for the check, so that the faults of the other fields are named as well.
    let checked = Product::new(
        sku.clone().unwrap_or_else(|| "x".parse().expect("a letter is a SKU")),
        product.name,
        price.unwrap_or(Money::new(1, Currency::GBP)),
        product.image_uri,
    );
    match checked {
        Ok(product) => (sku.is_some() && price.is_some()).then_some(product),
        Err(faults) => {
            for fault in faults {
                violations.add(&fault.field, format!("must be {}", fault.expected));
            }
            None
        }
    }
}

/// A product as protobuf writes it.
pub(super) fn write_product(stored: StoredProduct) -> v1::Product {
    let StoredProduct { product, updated_at } = stored;
    v1::Product {
        sku: product.sku().as_str().to_owned(),
        name: product.name().to_owned(),
        price: Some(money(product.price())),
        image_uri: product.image_uri().to_owned(),
        update_time: Some(timestamp(updated_at)),
    }
}
