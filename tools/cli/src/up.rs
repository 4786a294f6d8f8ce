//! `bowline up`: a stack that stays.

use std::process::ExitCode;
use std::time::Duration;

use bowline_contracts::inventory::v1::ListProductsRequest;
use bowline_contracts::inventory::v1::catalog_service_client::CatalogServiceClient;
use bowline_dev_stack::Stack;
use bowline_kernel::{IdSource as _, SystemIds};
use bowline_load::generator::{ConnectionSettings, Connections, Progress, load_catalogue};
use bowline_load::plan::{OrderLimits, Plan};
use bowline_load::retail;
use tonic::transport::Endpoint;

use crate::args::UpArgs;
use crate::fleet::{self, Changes, Fleet, Ground, Places};
use crate::running::{self, Names};
use crate::screen::say;
use crate::stop::Stop;

/// How long loading the catalogue may take without an answer.
const LOAD_STALL: Duration = Duration::from_secs(30);

/// Starts the stack and stays until it is told to stop.
pub(crate) async fn run(args: &UpArgs, stop: &Stop) -> anyhow::Result<ExitCode> {
    let switches = args.provider.switches()?;
    let plan =
        if args.empty { None } else { Some(retail::import(&args.data.data, None, OrderLimits::default())?) };
    let names = Names::plain();
    let stack = running::start("up", &args.stack, &names, false, stop).await?;
    let stayed = stay(&stack, &names, plan.as_ref(), switches, stop).await;
    if stayed.is_err() {
        say(&format!("the logs are in {}", running::logs_of(&stack)?.display()));
    }
    running::stop(stack).await;
    stayed.map(|()| ExitCode::SUCCESS)
}

async fn stay(
    stack: &Stack,
    names: &Names,
    plan: Option<&Plan>,
    switches: Vec<String>,
    stop: &Stop,
) -> anyhow::Result<()> {
    let databases = stack.databases().clone();
    let ground = Ground {
        programs: fleet::own_programs()?,
        name_prefix: "",
        databases,
        kafka: names.kafka(stack),
        places: Places::take(stack)?,
        switches,
        changes: Changes::default(),
    };
    let fleet = stop.or(Fleet::start(stack, ground)).await?;
    fleet.publish(stack)?;
    if let Some(plan) = plan {
        stop.or(fill_catalogue(&fleet, plan)).await?;
    }
    println!("running:\n{}\n\n{}", fleet.table(stack), examples(stack, &fleet, plan)?);
    println!("Ctrl-C stops everything.");
    stop.wanted().await;
    Ok(())
}

/// Enters products and stock, unless there are products already.
async fn fill_catalogue(fleet: &Fleet, plan: &Plan) -> anyhow::Result<()> {
    let address = fleet.ground.places.grpc_url("inventory");
    let channel = Endpoint::from_shared(address.clone())?.connect().await?;
    let mut catalogue = CatalogServiceClient::new(channel);
    let request = ListProductsRequest { page_size: 1, ..ListProductsRequest::default() };
    if !catalogue.list_products(request).await?.into_inner().products.is_empty() {
        return Ok(());
    }
    say(&format!("entering {} products and their stock", plan.products.len()));
    let inventory = Connections::new([address], ConnectionSettings::default())?;
    load_catalogue(plan, &inventory, SystemIds.next_id(), LOAD_STALL, &Progress::default()).await?;
    Ok(())
}

/// Commands to try.
fn examples(stack: &Stack, fleet: &Fleet, plan: Option<&Plan>) -> anyhow::Result<String> {
    let logs = running::logs_of(stack)?;
    let begin = match plan.and_then(|plan| plan.stock.first()) {
        Some(level) => {
            format!("bowline catalog show\n  bowline order place --customer c-1 '{}=1' --watch", level.sku)
        }
        None => "bowline catalog import FILE".to_owned(),
    };
    Ok(format!(
        "Try, in another terminal:
  {begin}
  bowline order list
  bowline order history ORDER_ID
  bowline check
or any gRPC client that knows reflection: grpcurl -plaintext {} list
Logs are in {}, addresses and database URLs in {}.",
        fleet.ground.places.grpc_address("orders"),
        logs.display(),
        logs.with_file_name("stack.json").display(),
    ))
}
