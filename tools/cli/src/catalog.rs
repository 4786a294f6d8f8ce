//! `bowline catalog`: what can be ordered, and how it gets there.

mod args;
mod file;
mod import;
mod show;

use std::process::ExitCode;

use anyhow::anyhow;
use bowline_contracts::inventory::v1::catalog_service_client::CatalogServiceClient;
use bowline_contracts::inventory::v1::{
    BatchGetProductsRequest, BatchGetProductsResponse, ListProductsRequest,
};
use bowline_contracts::payloads::Json;
use bowline_kernel::Sku;
use tonic::transport::Channel;

use self::args::Action;
pub(crate) use self::args::CatalogArgs;
use crate::output::Output;
use crate::screen::say;
use crate::services::Service;
use crate::stop::Stop;

/// The most products of one request, as inventory takes them.
const BATCH: usize = 1_000;

pub(crate) async fn run(args: &CatalogArgs, stop: &Stop) -> anyhow::Result<ExitCode> {
    let CatalogArgs { action, call } = args;
    let (services, output) = (&call.services, call.output.output);
    match action {
        Action::Import(args) => import::run(args, services, output, stop).await?,
        Action::Show(args) => {
            let inventory = services.one("inventory")?;
            if args.skus.is_empty() {
                stop.or(list(&inventory, usize::try_from(args.limit)?, output)).await?;
            } else {
                stop.or(show(&inventory, &args.skus, output)).await?;
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
