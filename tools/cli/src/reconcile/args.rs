//! The options of `bowline reconcile`.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use bowline_prove::ReconcileOptions;
use clap::Args;

use crate::args::{FolderArgs, time};
use crate::output::OutputArgs;

/// Compare orders, reservations, payments and the provider's books of a running stack, while it is at work.
///
/// An order is compared once it is finished and has been left alone for a while. What differs is looked at again, and
/// reported only if nothing has moved in between; so traffic causes no false alarm. The exit status is 0 if there is no
/// difference, 1 if there are some, and 2 if it could not be told: something could not be read, or what differed kept
/// moving or waited behind a lane. Finds the stack that `bowline up` or `bowline demo` has started.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline reconcile
  bowline reconcile --grace 5s --output json
  bowline reconcile --watch 5m --metrics-listen 127.0.0.1:9464")]
pub(crate) struct ReconcileArgs {
    /// Go on until Ctrl-C, with a round every so often
    #[arg(long, value_name = "INTERVAL", value_parser = time)]
    pub(super) watch: Option<Duration>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// Serve the last round in Prometheus's text format at http://ADDRESS/metrics
    #[arg(long, value_name = "ADDRESS", requires = "watch")]
    pub(super) metrics_listen: Option<SocketAddr>,
    /// How long nothing of an order must have changed before it is compared
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub(super) grace: Duration,
    /// How long to wait before what differs is looked at again
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = time)]
    confirm_after: Duration,
    /// How often what keeps moving is looked at again before it is left for a later round
    #[arg(long, value_name = "COUNT", default_value = "10", value_parser = clap::value_parser!(u32).range(1..))]
    confirm_looks_max: u32,
    /// How many orders are read at once
    #[arg(long, value_name = "COUNT", default_value = "500")]
    page: NonZeroU16,
    /// The most questions to the payment provider at once
    #[arg(long, value_name = "COUNT", default_value = "8", value_parser = clap::value_parser!(u16).range(1..))]
    provider_questions_max: u16,
    /// The most orders that are looked at again in one round
    #[arg(long, value_name = "COUNT", default_value = "10000", value_parser = clap::value_parser!(u32).range(1..))]
    suspects_max: u32,
    #[command(flatten)]
    pub(super) folders: FolderArgs,
}

impl ReconcileArgs {
    pub(super) fn options(&self) -> ReconcileOptions {
        ReconcileOptions {
            grace: self.grace,
            confirm_after: self.confirm_after,
            confirm_looks_max: self.confirm_looks_max,
            page: self.page.get(),
            provider_questions_max: self.provider_questions_max.into(),
            suspects_max: usize::try_from(self.suspects_max).unwrap_or(usize::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: ReconcileArgs,
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        let line = Line::try_parse_from(["reconcile"]).unwrap();
        assert_eq!(line.args.options(), ReconcileOptions::default());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "reconcile --page 0",
            "reconcile --provider-questions-max 0",
            "reconcile --suspects-max 0",
            "reconcile --confirm-looks-max 0",
            "reconcile --grace 0s",
            "reconcile --watch now",
            "reconcile --output xml",
            "reconcile --metrics-listen 127.0.0.1:1",
            "reconcile --watch 1s --metrics-listen here",
        ] {
            assert!(Line::try_parse_from(line.split(' ')).is_err(), "{line}");
        }
    }
}
