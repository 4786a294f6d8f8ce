//! `UpsertProducts`: create or replace products.

use std::collections::BTreeMap;

use bowline_contracts::inventory::v1::UpsertProductsResponse;
use bowline_idempotency::{Answer, Outcome};
use bowline_inventory_domain::Product;
use prost::Message as _;

use super::working_set::WorkingSet;
use super::{Action, Reply};

/// What the catalogue holds after all commands: of a SKU that several name, the last one counts.
pub(crate) fn last_of_each<'a>(actions: &[&'a Action]) -> Vec<&'a Product> {
    let products = actions.iter().flat_map(|action| match action {
        Action::UpsertProducts(products) => products.as_slice(),
        Action::AdjustStock(_) => &[],
    });
    products.map(|product| (product.sku(), product)).collect::<BTreeMap<_, _>>().into_values().collect()
}

/// Counts what was created and what was replaced. A SKU that several commands of the batch name was created by the first.
pub(crate) fn answer(products: &[Product], work: &mut WorkingSet) -> Reply {
    let created = products.iter().filter(|product| work.count_as_created(product.sku())).count();
    let count = |number: usize| u32::try_from(number).expect("the number of products is limited");
    let response = UpsertProductsResponse {
        created_count: count(created),
        updated_count: count(products.len() - created),
    };
    Reply::Answered(Answer { outcome: Outcome::Accepted, bytes: response.encode_to_vec() })
}
