//! The command line of `bowline doctor`.

use clap::Args;

use crate::args::StackArgs;
use crate::output::OutputArgs;
use crate::services::named_url;

/// Find out what is missing or wrong on this machine, or with a stack that runs here or elsewhere, and how to mend it.
///
/// Looks at the programs, folders, memory and ports that a stack needs here, and at the services, databases and topics of
/// the stack that runs. With --url it looks at the services there instead, with --postgres-url and --kafka at servers that
/// a stack is to stand on. Nothing is started, changed or installed. The exit status is 0 if nothing fails, 1 if something
/// does; warnings are no failures.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline doctor
  bowline doctor --port-base 7000 --replicas 2 --data-dir /tmp/second
  bowline doctor --postgres-url postgres://postgres:secret@db.example:5432 --kafka kafka.example:9092
  bowline doctor --url orders=http://orders.example:50051 --url payment=http://payment.example:50051 --output json")]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// gRPC addresses of services to look at; those of the stack that runs on this machine if left out
    #[arg(long = "url", env = "BOWLINE_SERVICE_URLS", value_name = "NAME=URL", value_delimiter = ',',
          value_parser = named_url)]
    pub(crate) urls: Vec<(String, String)>,
    /// How many processes of each service a stack is to have here
    #[arg(long, value_name = "COUNT", default_value = "1", value_parser = clap::value_parser!(u8).range(1..=8))]
    pub(crate) replicas: u8,
    #[command(flatten)]
    pub(crate) stack: StackArgs,
}
