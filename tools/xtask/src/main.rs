//! Chores of the project. `cargo xtask --help` lists them.

mod asyncapi;
mod comments;
mod configuration;
mod crates;
mod grpc;
mod page;
mod queries;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the Bowline project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Options {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Checks every SQL statement against a database and writes the answers to the `.sqlx` folder, which lets the
    /// project be built without one. Run it after a change of a statement or a migration.
    Queries {
        /// Change nothing; fail if the folder is not what it would become.
        #[arg(long)]
        check: bool,
        /// A superuser's URL of a PostgreSQL to use; without it one is started for the purpose.
        #[arg(long, env = "BOWLINE_POSTGRES_URL", hide_env_values = true)]
        postgres_url: Option<url::Url>,
    },
    /// Writes docs/configuration.md from the options that the services define.
    Configuration {
        /// Change nothing; fail if the page is not what it would become.
        #[arg(long)]
        check: bool,
    },
    /// Writes docs/asyncapi.yaml from the registry of topics and messages.
    Asyncapi {
        /// Change nothing; fail if the page is not what it would become.
        #[arg(long)]
        check: bool,
    },
    /// Writes docs/grpc.md from the protobuf files and their comments.
    Grpc {
        /// Change nothing; fail if the page is not what it would become.
        #[arg(long)]
        check: bool,
    },
    /// Writes the picture of the crates and their imports into ARCHITECTURE.md.
    Crates {
        /// Change nothing; fail if the picture is not what it would become.
        #[arg(long)]
        check: bool,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let outcome = match Options::parse().chore {
        Chore::Queries { check, postgres_url } => queries::run(check, postgres_url).await,
        Chore::Configuration { check } => configuration::run(check),
        Chore::Asyncapi { check } => asyncapi::run(check),
        Chore::Grpc { check } => grpc::run(check),
        Chore::Crates { check } => crates::run(check),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "a tool talks to its user")]
            {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}
