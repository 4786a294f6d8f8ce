//! The options of `bowline lanes`.

use std::fmt;
use std::str::FromStr;

use anyhow::Context as _;
use clap::Subcommand;

use crate::services::OperatorArgs;

/// See the lanes between services, and let one go on whose source has lost commits in a failover.
///
/// A lane is what one service says to another on one partition of a topic. It is named SERVICE/TOPIC/PARTITION/SOURCE, as
/// `show` prints it: who hears it, and who sends.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  bowline lanes show
  bowline lanes show --stopped --output json
  bowline lanes show --stopped inventory payment
  bowline lanes accept inventory/orders.events.v1/4/orders --note 'orders 4711 and 4712 were cancelled by hand'
  bowline lanes --url inventory=http://inventory:50051,orders=http://orders:50051 show")]
pub(crate) enum Action {
    /// How far each lane is applied, in which history of its source, and why those stand that do not flow
    Show {
        /// Those that these services hear; of all services if none is named
        #[arg(value_name = "SERVICE")]
        of: Vec<String>,
        /// Only those that do not flow
        #[arg(long)]
        stopped: bool,
    },
    /// Let lanes go on that have stopped because their source has lost what they had applied
    ///
    /// The source continues behind the last message that it has kept, and numbers new messages as it had numbered the lost
    /// ones. With this the lane goes on behind that message and applies the new ones. What the lost ones did in the hearing
    /// service stays: find out first what that was, and mend it. Who accepted what stays on record.
    Accept {
        /// SERVICE/TOPIC/PARTITION/SOURCE
        #[arg(value_name = "LANE", required = true)]
        lanes: Vec<Lane>,
        #[command(flatten)]
        operator: OperatorArgs,
    },
}

/// A lane, by the service that hears it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(super) service: String,
    pub(super) topic: String,
    pub(super) partition: u32,
    pub(super) source: String,
}

impl FromStr for Lane {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let expected = "expected SERVICE/TOPIC/PARTITION/SOURCE, such as inventory/orders.events.v1/4/orders";
        let parts: Vec<&str> = text.split('/').collect();
        let [service, topic, partition, source] = parts[..] else { anyhow::bail!(expected) };
        anyhow::ensure!(![service, topic, source].contains(&""), expected);
        Ok(Self {
            service: service.to_owned(),
            topic: topic.to_owned(),
            partition: partition.parse().context(expected)?,
            source: source.to_owned(),
        })
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, topic, partition, source } = self;
        write!(f, "{service}/{topic}/{partition}/{source}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_named_as_it_is_printed() {
        let text = "inventory/orders.events.v1/4/orders";
        assert_eq!(text.parse::<Lane>().unwrap().to_string(), text);
        for wrong in ["", "inventory", "inventory/orders.events.v1/four/orders", "a//4/c", "a/b/4/c/d"] {
            let error = wrong.parse::<Lane>().expect_err(wrong);
            assert!(error.to_string().starts_with("expected SERVICE/TOPIC/PARTITION/SOURCE"), "{error}");
        }
    }
}
