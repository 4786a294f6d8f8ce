//! `bowline-simulation`: runs seeds, or one of them again.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use bowline_simulation::{Fault, Outcome, Sabotage, Settings, run_all};
use clap::Parser;

const EXAMPLES: &str = "Examples:
  bowline-simulation --seeds 0..1000                  a thousand seeds
  bowline-simulation --seed 4711 --trace steps.txt    one of them again, with every step in a file
  bowline-simulation --seeds 0..50 --faults crash,commit --orders 8
  bowline-simulation --seeds 0..20 --break forgotten-void";

/// Runs the services' own code on a real PostgreSQL, every step and every fault drawn from a seed, and checks the
/// invariants when it has come to rest.
///
/// Ends with an error at the first seed that breaks one, and says how to run that seed again.
#[derive(Debug, Parser)]
#[command(name = "bowline-simulation", version, after_help = EXAMPLES)]
struct Args {
    /// The seeds to run: the first, and the one behind the last
    #[arg(long, value_name = "FROM..TO", default_value = "0..100", value_parser = range)]
    seeds: (u64, u64),
    /// One seed alone
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Orders that are placed in each run
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    orders: u8,
    /// Steps before the faults cease
    #[arg(long, default_value_t = 220, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    steps: u32,
    /// What may go wrong [default: everything]
    #[arg(long, value_delimiter = ',', conflicts_with = "no_faults")]
    faults: Option<Vec<Fault>>,
    /// Nothing goes wrong; only the order of the steps is drawn
    #[arg(long)]
    no_faults: bool,
    /// Take a mechanism away, to see how that is found out
    #[arg(long = "break", value_name = "MECHANISM")]
    sabotage: Option<Sabotage>,
    /// Threads, each with databases of its own
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
    /// Write the steps of the last seed to this file
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let numbers = text.split_once("..").and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
    numbers.filter(|(from, to)| from < to).ok_or_else(|| "expected two numbers such as 0..300".to_owned())
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(io::stderr)
        .init();
    let faults = args.faults.unwrap_or_else(|| Settings::stormy().faults);
    let settings = Settings {
        orders: args.orders.into(),
        steps: usize::try_from(args.steps)?,
        faults: if args.no_faults { Vec::new() } else { faults },
        sabotage: args.sabotage,
    };
    let (from, to) = args.seed.map_or(args.seeds, |seed| (seed, seed + 1));
    let trace = args.trace;
    let said = |outcome: &Outcome| {
        let Outcome { seed, trace: steps, .. } = outcome;
        // Whoever does not listen misses nothing.
        let _ = writeln!(io::stdout(), "seed {seed}: {} steps, {}", steps.lines().len(), steps.hash());
        if let Some(file) = &trace
            && let Err(error) = std::fs::write(file, steps.lines().join("\n") + "\n")
        {
            let _ = writeln!(io::stderr(), "{} cannot be written: {error}", file.display());
        }
    };
    let (run, failed) = run_all(from..to, &settings, args.threads.into(), said).context("a run broke off")?;
    let Some(outcome) = failed else {
        writeln!(io::stdout(), "{run} seeds, nothing found")?;
        return Ok(ExitCode::SUCCESS);
    };
    writeln!(io::stdout(), "{}", outcome.report(&settings))?;
    Ok(ExitCode::FAILURE)
}
