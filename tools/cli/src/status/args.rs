//! The options of `bowline status`.

use std::time::Duration;

use clap::Args;

use crate::args::time;
use crate::services::CallArgs;

/// Show how the services of a running stack stand, and what is to be done about what is not well.
///
/// Every process of every service is asked: whether it takes calls, how far what it says is published, how far the others
/// have applied it, what has stopped or is parked, which sagas are under way, and which circuit breakers are not closed.
/// A service that gives no answer is told as such, and the others are shown all the same. The exit status is 0 if all is
/// well, 1 if something is not, 2 if the command line was not understood; that of --watch is as it was at the last look.
/// Finds the stack that `bowline up` or `bowline demo` has started.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline status
  bowline status --lanes
  bowline status --watch --interval 1s
  bowline status --watch --output json | jq -c '.problems[]'
  bowline status --url orders=http://orders-1:50051,orders=http://orders-2:50051,inventory=http://inventory:50051")]
pub(crate) struct StatusArgs {
    /// Look again and again until Ctrl-C; where there is no terminal, print one picture below the other
    #[arg(long)]
    pub(super) watch: bool,
    /// How often to look
    #[arg(long, value_name = "TIME", default_value = "2s", requires = "watch", value_parser = time)]
    pub(super) interval: Duration,
    /// Every partition instead of sums: how far each lane is, and who works on it until when
    #[arg(long)]
    pub(super) lanes: bool,
    /// A message that has waited for so long is late, and then not all is well
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = time)]
    pub(super) late_after: Duration,
    /// How long a service may take to answer
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    pub(super) timeout: Duration,
    #[command(flatten)]
    pub(super) call: CallArgs,
}
