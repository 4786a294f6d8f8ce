//! `bowline up`: a stack that stays.

mod args;
mod catalogue;
mod detach;

use std::process::ExitCode;

use bowline_dev_stack::Stack;
use bowline_load::plan::{OrderLimits, Plan};
use bowline_load::retail;

pub(crate) use self::args::UpArgs;
use self::detach::Caller;
use crate::fleet::{self, Changes, Fleet, Ground, Places};
use crate::output::tell;
use crate::running::{self, Names};
use crate::screen::say;
use crate::stop::Stop;

/// The log of a stack in the background, among those of the services.
const LOG: &str = "up.log";

/// Starts the stack and stays until it is told to stop, here or in the background.
pub(crate) async fn run(args: &UpArgs, stop: &Stop) -> anyhow::Result<ExitCode> {
    if args.detach && !args.detached {
        return detach::start(stop).await;
    }
    let caller = args.detached.then(|| Caller::find(stop)).transpose()?;
    let switches = args.provider.switches()?;
    let plan =
        if args.empty { None } else { Some(retail::import(&args.data.data, None, OrderLimits::default())?) };
    let names = Names::plain();
    let mut options = running::options("up", &args.stack, &names, false)?;
    running::make_room(&mut options, args.replicas);
    let stack = running::start_with(options, &args.stack, stop).await?;
    let stayed = stay(args, &stack, &names, plan.as_ref(), switches, caller, stop).await;
    if stayed.is_err() {
        say(&format!("the logs are in {}", running::logs_of(&stack)?.display()));
    }
    running::stop(stack).await;
    stayed.map(|()| ExitCode::SUCCESS)
}

async fn stay(
    args: &UpArgs,
    stack: &Stack,
    names: &Names,
    plan: Option<&Plan>,
    switches: Vec<String>,
    caller: Option<Caller>,
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
    let mut fleet = stop.or(Fleet::start(stack, ground)).await?;
    stop.or(fleet.grow(stack, args.replicas)).await?;
    fleet.publish(stack)?;
    if let Some(plan) = plan {
        stop.or(catalogue::fill(&fleet, plan)).await?;
    }
    tell(&format!("running:\n{}\n\n{}\n", fleet.table(stack), examples(args, stack, &fleet, plan)?));
    match caller {
        Some(caller) => {
            let here = args.stack.folders.hint();
            tell(&format!("It runs in the background: `bowline down{here}` stops everything.\n"));
            caller.let_go(&running::logs_of(stack)?.join(LOG)).await?;
        }
        None => tell("Ctrl-C stops everything.\n"),
    }
    stop.wanted().await;
    Ok(())
}

/// Commands to try.
fn examples(args: &UpArgs, stack: &Stack, fleet: &Fleet, plan: Option<&Plan>) -> anyhow::Result<String> {
    let logs = running::logs_of(stack)?;
    let here = args.stack.folders.hint();
    let begin = match plan.and_then(|plan| plan.stock.first()) {
        Some(level) => format!(
            "bowline catalog show{here}\n  bowline order place --customer c-1 '{}=1' --watch{here}",
            level.sku
        ),
        None => format!("bowline catalog import FILE{here}"),
    };
    let place = if args.detach { "" } else { ", in another terminal" };
    Ok(format!(
        "Try{place}:
  {begin}
  bowline order list{here}
  bowline order history ORDER_ID{here}
  bowline check{here}
or any gRPC client that knows reflection: grpcurl -plaintext {} list
Logs are in {}, addresses and database URLs in {}.",
        fleet.ground.places.grpc_address("orders"),
        logs.display(),
        logs.with_file_name("stack.json").display(),
    ))
}
