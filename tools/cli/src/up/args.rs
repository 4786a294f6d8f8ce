//! The command line of `bowline up`.

use clap::Args;

use crate::args::{DataArgs, ProviderArgs, StackArgs};

/// Start the stack and keep it running until Ctrl-C or `bowline down`.
///
/// Prints the addresses and example commands. What dies is started again. Data is kept between runs. An empty catalogue is
/// filled from the file of invoices.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  bowline up
  bowline up --detach --replicas 2
  bowline up --data-dir /tmp/second --port-base 7000
  bowline up --provider-latency 4s
  bowline up --postgres-url postgres://postgres:secret@127.0.0.1:5432")]
pub(crate) struct UpArgs {
    /// Give the terminal back once everything is ready; `bowline down` stops it
    #[arg(long, short)]
    pub(crate) detach: bool,
    /// How many processes of each service
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(crate) replicas: u8,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Leave an empty catalogue empty
    #[arg(long)]
    pub(crate) empty: bool,
    #[command(flatten)]
    pub(crate) provider: ProviderArgs,
    #[command(flatten)]
    pub(crate) stack: StackArgs,
    /// What `--detach` starts: it runs the stack while the one that has started it waits at the other end of standard input
    #[arg(long, hide = true)]
    pub(crate) detached: bool,
}
