//! Explores the models of Bowline's protocols beyond the bounds of their tests.

use std::process::ExitCode;

use bowline_model::lanes::LanesArgs;
use clap::{Parser, Subcommand};

/// Explores the models of Bowline's protocols state by state; fails when a property does not hold.
#[derive(Debug, Parser)]
#[command(name = "bowline-model")]
struct Options {
    #[command(subcommand)]
    model: ModelArgs,
}

#[derive(Debug, Subcommand)]
enum ModelArgs {
    /// The lanes between two services: numbering, relay, log, consumer, failover.
    Lanes(LanesArgs),
}

fn main() -> ExitCode {
    match Options::parse().model {
        ModelArgs::Lanes(args) => args.run(),
    }
}
