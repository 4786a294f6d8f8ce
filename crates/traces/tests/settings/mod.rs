//! Settings of a test, as the command line gives them.

use bowline_config::{Refused, parse_from};
use bowline_traces::{TraceArgs, TraceSettings};

#[derive(clap::Parser)]
struct Options {
    #[command(flatten)]
    traces: TraceArgs,
}

pub(crate) fn parse(flags: &[&str]) -> Result<TraceSettings, Refused> {
    parse_from([&["test"], flags].concat(), |options: Options, faults| options.traces.check(faults))
}
