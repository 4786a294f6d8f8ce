//! `bowline-model`: explores a model further than the tests do.

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::process::ExitCode;

use bowline_model::lanes::LanesArgs;
use bowline_model::saga::{self, Bounds, Defect};
use clap::{Parser, Subcommand};

/// Visits every state of a model within bounds, and says what holds in all of them. Two orders are millions of states
/// and a minute; everything beyond that takes memory and patience.
#[derive(Parser)]
#[command(name = "bowline-model", version)]
struct Args {
    #[command(subcommand)]
    model: Model,
}

#[derive(Subcommand)]
enum Model {
    /// The place-order saga: orders, inventory, payment and a provider, with crashes at every step
    Saga(Saga),
    /// The lanes between two services: numbering, relay, log, consumer, failover
    Lanes(LanesArgs),
}

#[derive(clap::Args)]
struct Saga {
    /// Orders that compete for the same SKUs
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=3))]
    orders: u8,
    /// SKUs that every order wants
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    skus: u8,
    /// Units of each SKU at the beginning
    #[arg(long, default_value_t = 2, conflicts_with = "every_stock")]
    stock: u8,
    /// Begin with every number of units, from none to enough for all orders
    #[arg(long)]
    every_stock: bool,
    /// Let processes die between deciding and committing as well: about 4 times as many states for each order
    #[arg(long)]
    transactions: bool,
    /// Take a mechanism away, to see how the model finds out
    #[arg(long = "break", value_name = "MECHANISM")]
    defect: Option<Defect>,
    /// Threads that explore [default: as many as there are cores]
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = match Args::parse().model {
        Model::Saga(args) => args,
        Model::Lanes(args) => return Ok(args.run()),
    };
    let bounds = Bounds {
        orders: args.orders,
        skus: args.skus,
        stock: (!args.every_stock).then_some(args.stock),
        transactions: args.transactions,
        defect: args.defect,
    };
    let threads = args.threads.map_or_else(std::thread::available_parallelism, Ok)?;
    let report = saga::explore(bounds, threads, |states| {
        // Whoever does not listen misses nothing.
        let _ = write!(io::stderr(), "\r{states} states");
    });
    writeln!(io::stderr(), "\r")?;
    writeln!(io::stdout(), "{report}")?;
    let holds = report.violations.is_empty() && report.unseen.is_empty();
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
