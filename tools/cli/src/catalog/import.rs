//! `bowline catalog import`: a file into the catalogue, batch by batch.

use std::fs::File;
use std::io;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use bowline_contracts::convert;
use bowline_contracts::inventory::v1::{self, AdjustStockRequest, StockAdjustment, UpsertProductsRequest};
use bowline_kernel::RequestId;
use serde::Serialize;
use tonic::{Response, Status};
use uuid::Uuid;

use super::args::ImportArgs;
use super::file::{self, Faults, Row};
use super::{BATCH, catalogue};
use crate::output::Output;
use crate::screen::{self, Bar};
use crate::services::ServiceArgs;
use crate::stock::stock_of;
use crate::stop::Stop;
use crate::writes::Writer;

/// Kept with every movement of stock.
const REASON: &str = "bowline catalog import";

/// What an import has done.
#[derive(Debug, Serialize)]
struct Imported {
    request_id: RequestId,
    created_count: u32,
    updated_count: u32,
    /// Products to which units were added.
    stocked_count: usize,
    units_added: i64,
}

/// Sends the batches of one import and shows how far it is.
struct Import<'a> {
    writer: Writer<'a>,
    bar: Bar,
    steps: usize,
}

impl Import<'_> {
    /// Makes the call that enters `rows` rows.
    async fn enter<T, F>(&self, rows: usize, call: impl FnMut() -> F) -> anyhow::Result<T>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let written = self.writer.send(call).await;
        let written =
            written.and_then(|answer| answer.map_err(|status| self.writer.service.refused(&status)));
        let written = written.map_err(|error| match self.bar.position() {
            0 => error,
            done => anyhow!("{error}; {done} of {} products and stocks are entered already", self.steps),
        })?;
        self.bar.set_position(self.bar.position() + rows as u64);
        Ok(written)
    }
}

/// Enters all rows of a file, or none if one is wrong. Each batch has a request id of its own that follows from the import's,
/// so that an import that broke off can be repeated.
pub(super) async fn run(
    args: &ImportArgs,
    services: &ServiceArgs,
    output: Output,
    stop: &Stop,
) -> anyhow::Result<()> {
    let rows = read(&args.file)?;
    let stocked: Vec<&Row> = rows.iter().filter(|row| row.stock > 0).collect();
    let inventory = services.one("inventory")?;
    let request_id = args.request.id();
    let steps = rows.len() + stocked.len();
    let import = Import {
        writer: Writer { service: &inventory, request_id, stop },
        bar: screen::bar(steps as u64, "{wide_bar} {pos}/{len} products and stocks entered"),
        steps,
    };
    let mut imported = Imported {
        request_id,
        created_count: 0,
        updated_count: 0,
        stocked_count: stocked.len(),
        units_added: 0,
    };
    for (number, rows) in rows.chunks(BATCH).enumerate() {
        let request = UpsertProductsRequest {
            request_id: batch_id(request_id, "products", number),
            products: rows.iter().map(product).collect(),
        };
        let upsert = || {
            let (mut client, request) = (catalogue(&inventory), request.clone());
            async move { client.upsert_products(request).await }
        };
        let written = import.enter(rows.len(), upsert).await?;
        imported.created_count += written.created_count;
        imported.updated_count += written.updated_count;
    }
    for (number, rows) in stocked.chunks(BATCH).enumerate() {
        let request = AdjustStockRequest {
            request_id: batch_id(request_id, "stock", number),
            adjustments: rows.iter().map(|row| adjustment(row)).collect(),
            reason: REASON.to_owned(),
        };
        let adjust = || {
            let (mut client, request) = (stock_of(&inventory), request.clone());
            async move { client.adjust_stock(request).await }
        };
        import.enter(rows.len(), adjust).await?;
        imported.units_added += rows.iter().map(|row| row.stock).sum::<i64>();
    }
    drop(import);
    output.document(&imported.told(), &imported)
}

impl Imported {
    fn told(&self) -> String {
        let Self { created_count, updated_count, stocked_count, units_added, .. } = self;
        format!(
            "new in the catalogue: {created_count}; replaced: {updated_count}; units added to stock: {units_added}, of \
             {stocked_count} SKUs\n"
        )
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<Row>> {
    let (name, rows) = if path.as_os_str() == "-" {
        ("standard input".to_owned(), file::read(io::stdin().lock()))
    } else {
        let name = path.display().to_string();
        let opened = File::open(path).with_context(|| format!("cannot read {name}"))?;
        (name, file::read(opened))
    };
    rows.map_err(|error| match error.downcast::<Faults>() {
        Ok(faults) => anyhow!("nothing was written, {name} has faults:{faults}"),
        Err(error) => error.context(format!("nothing was written, {name} cannot be read")),
    })
}

fn product(Row { product, .. }: &Row) -> v1::Product {
    v1::Product {
        sku: product.sku().to_string(),
        name: product.name().to_owned(),
        price: Some(convert::money(product.price())),
        image_uri: product.image_uri().to_owned(),
        update_time: None,
    }
}

fn adjustment(Row { product, stock }: &Row) -> StockAdjustment {
    StockAdjustment { sku: product.sku().to_string(), delta: *stock }
}

/// The same for the same batch of the same import, different for everything else.
fn batch_id(import: RequestId, call: &str, number: usize) -> String {
    Uuid::new_v5(&import.uuid(), format!("{call}:{number}").as_bytes()).to_string()
}
