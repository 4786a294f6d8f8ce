//! The command line.

use std::process::ExitCode;

use clap::{Args, ValueEnum as _};

use super::{Bounds, Broken, Exploration, Fault, Lanes, Property};

/// Bounds of the exploration.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  cargo run -p bowline-model -- lanes --messages 4 --threads 2
  cargo run -p bowline-model -- lanes --messages 2 --faults 3 --only failover,producer,deletion
  cargo run -p bowline-model -- lanes --messages 1 --broken skip-watermark")]
pub struct LanesArgs {
    /// Messages that are committed
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=8))]
    messages: u8,
    /// Faults that happen, at the most
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=8))]
    faults: u8,
    /// Kinds of faults that may happen; all of them if none is given
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Fault>,
    /// A mechanism to take away
    #[arg(long, value_enum)]
    broken: Option<Broken>,
    /// Threads that explore; with one the runs that are printed are the shortest
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

impl LanesArgs {
    fn lanes(&self) -> Lanes {
        let kinds = if self.only.is_empty() { Fault::value_variants() } else { &self.only };
        let bounds = Bounds { messages: self.messages, faults: self.faults, kinds: kinds.to_vec() };
        Lanes { bounds, broken: self.broken }
    }

    /// Explores until an invariant is violated, and prints what was found; fails when one is.
    pub fn run(&self) -> ExitCode {
        let invariants: Vec<Property> =
            Property::ALL.into_iter().filter(|property| property.is_invariant()).collect();
        let exploration = self.lanes().explore(usize::from(self.threads), &invariants);
        print(&exploration);
        if exploration.violated().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

#[expect(clippy::print_stdout, reason = "a tool talks to its user")]
fn print(exploration: &Exploration) {
    let cut_short = !exploration.violated().is_empty();
    for property in Property::ALL {
        let run = exploration.run(property);
        let verdict = match (property.is_invariant(), run) {
            (true, Some(_)) => "VIOLATED",
            (_, None) if cut_short => "unknown",
            (true, None) => "holds",
            (false, None) => "never",
            (false, Some(_)) => "happens",
        };
        println!("{verdict:>8}  {}", property.text());
        for action in run.filter(|_| property.is_invariant()).unwrap_or_default() {
            println!("            {action:?}");
        }
    }
    let Exploration { states, steps, depth, took, .. } = exploration;
    println!("{states} states, {steps} steps, {depth} deep, in {:.1} s", took.as_secs_f32());
}
