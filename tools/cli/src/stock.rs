//! `bowline stock`: how many units of a product are where.

mod args;
mod show;

use std::process::ExitCode;

use anyhow::anyhow;
use bowline_contracts::inventory::v1::inventory_service_client::InventoryServiceClient;
use bowline_contracts::inventory::v1::{
    AdjustStockRequest, GetStockRequest, ListMovementsRequest, Movement, StockAdjustment,
};
use bowline_contracts::payloads::Json;
use bowline_kernel::Sku;
use serde::Serialize;
use tonic::transport::Channel;
use tonic::{Code, Status};

pub(crate) use self::args::Action;
use self::args::{AdjustArgs, ShowArgs};
use crate::output::Output;
use crate::screen::say;
use crate::services::{Noun, Service};
use crate::stop::Stop;
use crate::writes::{Writer, Written};

/// The most movements of one answer, as inventory gives them.
const PAGE: i32 = 1_000;

pub(crate) async fn run(args: &Noun<Action>, stop: &Stop) -> anyhow::Result<ExitCode> {
    let Noun { action, call } = args;
    let (inventory, output) = (call.services.one("inventory")?, call.output.output);
    match action {
        Action::Show(args) => stop.or(show(&inventory, args, output)).await?,
        Action::Adjust(args) => adjust(&inventory, args, output, stop).await?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn stock_of(inventory: &Service) -> InventoryServiceClient<Channel> {
    InventoryServiceClient::new(inventory.channel.clone())
}

/// A level with the movements that led to it, if they were asked for.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    level: Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    movements: Option<Vec<Json>>,
}

async fn show(inventory: &Service, args: &ShowArgs, output: Output) -> anyhow::Result<()> {
    let request = GetStockRequest { sku: args.sku.to_string() };
    let answer = stock_of(inventory).get_stock(request).await;
    let answer = answer.map_err(|status| no_stock(inventory, &args.sku, &status))?.into_inner();
    let level = answer.level.as_ref().ok_or_else(|| inventory.nothing("level"))?;
    let mut text = show::levels(std::slice::from_ref(level));
    let mut shown = Shown { level: Json::from(&answer), movements: None };
    if args.movements {
        let limit = usize::try_from(args.limit)?;
        let (movements, more) = latest(inventory, &args.sku, limit).await?;
        text.push_str(&show::movements(&movements, &inventory.here));
        shown.movements = Some(movements.iter().map(Json::from).collect());
        if more {
            say(&format!("there are older movements than these {limit}: --limit shows more"));
        }
    }
    output.document(&text, &shown)
}

/// The latest movements of a product, and whether there are older ones. Inventory tells the oldest first, so all are read.
async fn latest(inventory: &Service, sku: &Sku, limit: usize) -> anyhow::Result<(Vec<Movement>, bool)> {
    let (mut kept, mut more) = (Vec::new(), false);
    let mut request =
        ListMovementsRequest { sku: sku.to_string(), page_size: PAGE, page_token: String::new() };
    loop {
        let page = stock_of(inventory).list_movements(request.clone()).await;
        let page = page.map_err(|status| no_stock(inventory, sku, &status))?.into_inner();
        kept.extend(page.movements);
        let surplus = kept.len().saturating_sub(limit);
        more |= surplus > 0;
        kept.drain(..surplus);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok((kept, more));
        }
    }
}

async fn adjust(inventory: &Service, args: &AdjustArgs, output: Output, stop: &Stop) -> anyhow::Result<()> {
    let request_id = args.request.id();
    let adjustment =
        |change: &args::Change| StockAdjustment { sku: change.sku.to_string(), delta: change.units.get() };
    let request = AdjustStockRequest {
        request_id: request_id.to_string(),
        adjustments: args.changes.iter().map(adjustment).collect(),
        reason: args.reason.clone(),
    };
    let writer = Writer { service: inventory, request_id, stop };
    let adjusted = writer.send(|| {
        let (mut client, request) = (stock_of(inventory), request.clone());
        async move { client.adjust_stock(request).await }
    });
    let answer = adjusted.await?.map_err(|status| inventory.refused(&status))?;
    output.document(&show::levels(&answer.levels), &Written { request_id, answer: Json::from(&answer) })
}

/// Why nothing is told about a product.
fn no_stock(inventory: &Service, sku: &Sku, status: &Status) -> anyhow::Error {
    match status.code() {
        Code::NotFound => {
            let here = &inventory.here;
            anyhow!("no product has the SKU {sku}: `bowline catalog show{here}` lists those that there are")
        }
        _ => inventory.refused(status),
    }
}
