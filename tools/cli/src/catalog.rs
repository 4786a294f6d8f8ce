//! `bowline catalog`: what can be ordered, and how it gets there.

mod args;
mod file;
mod import;
mod show;

use std::process::ExitCode;

use anyhow::anyhow;
use bowline_contracts::inventory::v1::catalog_service_client::CatalogServiceClient;
use bowline_contracts::inventory::v1::{
    BatchGetProductsRequest, BatchGetProductsResponse, ListProductsRequest, Product,
};
use bowline_contracts::payloads::Json;
use bowline_kernel::Sku;
use tonic::transport::Channel;

pub(crate) use self::args::Action;
use crate::output::Output;
use crate::screen::say;
use crate::services::{Noun, Service};
use crate::stop::Stop;

/// The most products of one request, as inventory takes them.
const BATCH: usize = 1_000;

pub(crate) async fn run(args: &Noun<Action>, stop: &Stop) -> anyhow::Result<ExitCode> {
    let Noun { action, call } = args;
    let (services, output) = (&call.services, call.output.output);
    match action {
        Action::Import(args) => import::run(args, services, output, stop).await?,
        Action::Show(args) => {
            let inventory = services.one("inventory")?;
            let limit = usize::try_from(args.limit)?;
            match &args.search {
                Some(text) => stop.or(search(&inventory, text, limit, output)).await?,
                None if args.skus.is_empty() => stop.or(list(&inventory, limit, output)).await?,
                None => stop.or(show(&inventory, &args.skus, output)).await?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn catalogue(inventory: &Service) -> CatalogServiceClient<Channel> {
    CatalogServiceClient::new(inventory.channel.clone())
}

async fn list(inventory: &Service, limit: usize, output: Output) -> anyhow::Result<()> {
    let mut found = BatchGetProductsResponse::default();
    let mut request = ListProductsRequest::default();
    loop {
        request.page_size = i32::try_from(BATCH.min(limit - found.products.len()))?;
        let page = catalogue(inventory).list_products(request.clone()).await;
        let page = page.map_err(|status| inventory.refused(&status))?.into_inner();
        found.products.extend(page.products);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || found.products.len() >= limit {
            break;
        }
    }
    output.document(&show::products(&found.products, &inventory.here), &Json::from(&found))?;
    if !request.page_token.is_empty() {
        say(&format!("there are more than {limit}: --limit shows more"));
    }
    Ok(())
}

/// Looks through the whole catalogue, which inventory has no search for.
async fn search(inventory: &Service, text: &str, limit: usize, output: Output) -> anyhow::Result<()> {
    let (mut found, mut looked_through) = (BatchGetProductsResponse::default(), 0);
    let mut request =
        ListProductsRequest { page_size: i32::try_from(BATCH)?, ..ListProductsRequest::default() };
    loop {
        let page = catalogue(inventory).list_products(request.clone()).await;
        let page = page.map_err(|status| inventory.refused(&status))?.into_inner();
        looked_through += page.products.len();
        found.products.extend(page.products.into_iter().filter(|product| is_meant(product, text)));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    let all = found.products.len();
    found.products.truncate(limit);
    output.document(&show::found(&found.products), &Json::from(&found))?;
    let more = if all > limit { format!(", {limit} are shown: --limit shows more") } else { String::new() };
    say(&format!("{all} of the {looked_through} products that were looked through hold {text:?}{more}"));
    Ok(())
}

/// Whether a product's SKU or name holds a text, in capitals or not.
fn is_meant(product: &Product, text: &str) -> bool {
    let text = text.to_lowercase();
    [&product.sku, &product.name].iter().any(|told| told.to_lowercase().contains(&text))
}

async fn show(inventory: &Service, skus: &[Sku], output: Output) -> anyhow::Result<()> {
    let mut found = BatchGetProductsResponse::default();
    for skus in skus.chunks(BATCH) {
        let request = BatchGetProductsRequest { skus: skus.iter().map(ToString::to_string).collect() };
        let answer = catalogue(inventory).batch_get_products(request).await;
        let answer = answer.map_err(|status| inventory.refused(&status))?.into_inner();
        found.products.extend(answer.products);
        found.unknown_skus.extend(answer.unknown_skus);
    }
    output.document(&show::found(&found.products), &Json::from(&found))?;
    if found.unknown_skus.is_empty() {
        return Ok(());
    }
    Err(anyhow!(
        "not in the catalogue: {}; `bowline catalog show{here}` lists what is, `bowline catalog import FILE{here}` enters \
         more",
        found.unknown_skus.join(", "),
        here = inventory.here,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_looks_at_sku_and_name_in_capitals_or_not() {
        let product = |sku: &str, name: &str| Product {
            sku: sku.to_owned(),
            name: name.to_owned(),
            ..Product::default()
        };
        let mug = product("85123a", "WHITE Mug, ÖLFARBE");
        assert!(["mug", "MUG", "123A", "ölfarbe"].iter().all(|text| is_meant(&mug, text)));
        assert!(!is_meant(&mug, "cup"));
    }
}
