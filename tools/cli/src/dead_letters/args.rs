//! The options of `bowline dead-letters`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};

use super::Services;
use crate::args::time;
use crate::services::{CallArgs, OperatorArgs};

/// See and mend what services could not apply.
///
/// A message that can never be applied is parked together with every later message of its order; other orders flow on.
/// Messages are named SERVICE/NUMBER, as `list` shows them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline dead-letters list
  bowline dead-letters list --messages --output json
  bowline dead-letters show inventory/12
  bowline dead-letters edit inventory/12 --file mended.json --note 'the quantity was missing'
  bowline dead-letters retry inventory/12
  bowline dead-letters retry --all
  bowline dead-letters drop inventory/12 --note 'a test order' --url inventory=http://inventory:50051")]
pub(crate) struct DeadLettersArgs {
    #[command(subcommand)]
    pub(super) action: Action,
    /// Only this service
    #[arg(long, value_name = "NAME", global = true)]
    pub(super) service: Option<String>,
    #[command(flatten)]
    pub(super) call: CallArgs,
}

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// What is wrong and with how many, by cause; with --messages, --cause or --order the messages themselves
    List(ListArgs),
    /// One message, whole, and what was done in its queue
    Show {
        /// SERVICE/NUMBER
        letter: Letter,
    },
    /// Replace a message by another of its type, given as JSON as `show` prints it; what it held is kept
    Edit(EditArgs),
    /// Try again, from the first message of each queue on, in order; wait until it is done
    Retry {
        #[command(flatten)]
        which: Which,
        /// How long to wait until everything has been tried again
        #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
        wait: Duration,
        #[command(flatten)]
        operator: OperatorArgs,
    },
    /// Drop a message, or the first message of each queue; what it held is kept on record
    Drop {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        operator: OperatorArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    which: Filter,
    /// Every message instead of the causes
    #[arg(long)]
    pub(super) messages: bool,
    #[arg(skip)]
    pub(super) chosen: Option<Chosen>,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct Filter {
    /// Those whose queue waits for this cause, as `list` prints it
    #[arg(long)]
    cause: Option<String>,
    /// Those of this order
    #[arg(long, value_name = "ORDER_ID")]
    order: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct EditArgs {
    /// SERVICE/NUMBER
    pub(super) letter: Letter,
    /// The new message as JSON; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) operator: OperatorArgs,
}

/// Which queues are meant; one way to say it is needed.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// The queue of this message, SERVICE/NUMBER
    letter: Option<Letter>,
    /// Those that wait for this cause, as `list` prints it
    #[arg(long)]
    cause: Option<String>,
    /// The one of this order
    #[arg(long, value_name = "ORDER_ID")]
    order: Option<String>,
    /// All of them
    #[arg(long)]
    all: bool,
}

/// What an operator has chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chosen {
    All,
    Cause(String),
    Order(String),
    Letter(Letter),
}

/// A parked message: its service and its number there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) service: String,
    pub(super) number: i64,
}

impl DeadLettersArgs {
    /// With what `list` was asked for in one place.
    pub(crate) fn settled(mut self) -> Self {
        if let Action::List(list) = &mut self.action {
            let Filter { cause, order } = &list.which;
            list.chosen = cause.clone().map(Chosen::Cause).or_else(|| order.clone().map(Chosen::Order));
        }
        self
    }
}

impl Which {
    /// What is chosen, and the services that it concerns.
    pub(super) fn of(&self, services: &Services) -> anyhow::Result<(Chosen, Services)> {
        let mut services = services.clone();
        let chosen = match (&self.letter, &self.cause, &self.order) {
            (Some(letter), _, _) => {
                services.retain(|name, _| *name == letter.service);
                ensure!(!services.is_empty(), "{letter} is of no known service");
                Chosen::Letter(letter.clone())
            }
            (None, Some(cause), _) => Chosen::Cause(cause.clone()),
            (None, None, Some(order)) => Chosen::Order(order.clone()),
            (None, None, None) => Chosen::All,
        };
        Ok((chosen, services))
    }
}

impl FromStr for Letter {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let expected = "expected SERVICE/NUMBER, such as inventory/12";
        let (service, number) = text.split_once('/').context(expected)?;
        ensure!(!service.is_empty(), expected);
        Ok(Self { service: service.to_owned(), number: number.parse().context(expected)? })
    }
}

impl fmt::Display for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.service, self.number)
    }
}
