//! The options of `bowline order`.

use std::num::IntErrorKind;
use std::str::FromStr;
use std::time::Duration;

use bowline_contracts::orders::v1::OrderStatus;
use bowline_kernel::{CustomerId, OrderId, PaymentToken, Quantity, Sku};
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, Subcommand, ValueEnum};

use crate::args::time;
use crate::writes::RequestArgs;

/// Place, follow and cancel orders, and see what was done for them.
///
/// Calls the stack that `bowline up` or `bowline demo` has started, or the services at --url.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  bowline order place --customer 17850 85123A=6 --watch
  bowline order list --status cancelled --since 10m
  bowline order history 01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11
  bowline order cancel 01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11")]
pub(crate) enum Action {
    Place(PlaceArgs),
    /// Show one order, with what stock and payment did for it
    #[command(
        visible_alias = "show",
        after_help = "Examples:
  bowline order get 01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11
  bowline order get 01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11 --output json"
    )]
    Get(Named),
    List(ListArgs),
    Cancel(CancelArgs),
    /// Show what happened to an order, step by step: what waited for what and for how long
    ///
    /// Every step stands below the one that caused it, with the time since the first step, how long it took from its
    /// cause to it, and how often the payment provider was called for it. What undoes an earlier step is marked with ↩.
    /// The slowest step is named below, or, while the order is not finished, whom it waits for and for how long.
    #[command(after_help = "Examples:
  bowline order history 01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11
  bowline order history 01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11 --output json")]
    History(Named),
    Watch(WatchArgs),
}

/// An order by its id.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The order's id, as `place` and `list` print it
    #[arg(value_name = "ORDER_ID")]
    pub(super) order_id: OrderId,
}

/// Place an order
///
/// Prices come from the catalogue. The answer is that the order is accepted; stock and payment follow. Status 0 means
/// that it is accepted, with --watch that it is finished, however it ended.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline order place --customer 17850 85123A=6 71053=2
  bowline order place --customer 17850 85123A=6 --watch
  bowline order place --customer 17850 85123A=6 --payment-token tok_decline_expired_card --watch

The payment simulator declines a token that begins with tok_decline. One that begins with
tok_capture_refused is authorised and can never be captured.")]
pub(crate) struct PlaceArgs {
    /// What is ordered; no SKU twice
    #[arg(value_name = "SKU=QUANTITY", required = true)]
    pub(super) lines: Vec<Line>,
    /// Who orders
    #[arg(long, value_name = "ID")]
    pub(super) customer: CustomerId,
    /// The payment method, as the payment provider has named it
    #[arg(long, value_name = "TOKEN", default_value = "tok_visa")]
    pub(super) payment_token: PaymentToken,
    /// The customer's country
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) country: String,
    /// Follow the order until it is finished
    #[arg(long)]
    pub(super) watch: bool,
    /// How long to follow it
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time, requires = "watch")]
    pub(super) timeout: Duration,
    #[command(flatten)]
    pub(super) request: RequestArgs,
}

/// List orders, the newest first
///
/// On a narrow terminal columns are left out that have no room; `get` shows everything about an order.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline order list
  bowline order list --customer 17850 --status cancelled
  bowline order list --since 1h --limit 500 --output json
  bowline order list --since 2026-07-01T00:00:00Z --until 2026-07-02T00:00:00Z")]
pub(crate) struct ListArgs {
    /// Only this customer's
    #[arg(long, value_name = "ID")]
    pub(super) customer: Option<CustomerId>,
    /// Only those that stand here
    #[arg(long, value_enum)]
    pub(super) status: Option<Status>,
    /// Only those placed then or later: a time such as 2026-07-01T00:00:00Z, or how long ago, such as 15m
    #[arg(long, value_name = "TIME")]
    pub(super) since: Option<When>,
    /// Only those placed before
    #[arg(long, value_name = "TIME")]
    pub(super) until: Option<When>,
    /// The most orders
    #[arg(long, value_name = "COUNT", default_value = "50", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) limit: u16,
}

/// Cancel an order that is not confirmed yet
///
/// What was arranged for it is undone. An order that is confirmed or cancelled already stays as it is.
#[derive(Debug, Args)]
#[command(
    after_help = "Example, in a stack whose provider leaves the time (bowline up --provider-latency 4s):
  bowline order cancel 01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11"
)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    pub(super) named: Named,
    #[command(flatten)]
    pub(super) request: RequestArgs,
}

/// Follow an order: a line for every change, until it is finished
///
/// Status 0 means that the order is finished, however it ended. An order that is not known yet is waited for.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline order watch 01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11
  bowline order watch 01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11 --timeout 1h --output json")]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(super) named: Named,
    /// How long to wait until the order is finished
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time)]
    pub(super) timeout: Duration,
}

/// One line of a new order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(super) sku: Sku,
    pub(super) quantity: Quantity,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Status {
    Pending,
    Confirmed,
    Cancelled,
}

/// A time: one that was written down, or so long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    At(DateTime<Utc>),
    Ago(TimeDelta),
}

impl FromStr for Line {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A SKU may hold the sign itself.
        let (sku, quantity) = text.rsplit_once('=').ok_or("expected SKU=QUANTITY, such as 85123A=6")?;
        let sku = sku.parse().map_err(|error| format!("the SKU {error}"))?;
        let quantity = match quantity.parse() {
            Ok(units) => Quantity::new(units),
            Err(error) if *error.kind() == IntErrorKind::PosOverflow => {
                return Err(format!("the quantity must be at most {}, and orders may allow fewer", u32::MAX));
            }
            Err(_) => None,
        };
        let quantity = quantity.ok_or("the quantity must be a whole number of at least 1")?;
        Ok(Self { sku, quantity })
    }
}

impl From<Status> for OrderStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Confirmed => Self::Confirmed,
            Status::Cancelled => Self::Cancelled,
        }
    }
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ago = humantime::parse_duration(text).ok().and_then(|ago| TimeDelta::from_std(ago).ok());
        let at = || DateTime::parse_from_rfc3339(text).ok().map(|time| Self::At(time.into()));
        ago.map(Self::Ago).or_else(at).ok_or_else(|| {
            "expected a time such as 2026-07-01T12:00:00Z, or how long ago, such as 15m".to_owned()
        })
    }
}

impl ListArgs {
    /// Whether there may be orders that are not wanted.
    pub(super) fn is_filtered(&self) -> bool {
        let Self { customer, status, since, until, limit: _ } = self;
        customer.is_some() || status.is_some() || since.is_some() || until.is_some()
    }
}

impl When {
    /// The time, seen from `now`; 1970 if that is too long ago to be written.
    pub(super) fn seen_from(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::At(time) => time,
            Self::Ago(ago) => now.checked_sub_signed(ago).unwrap_or(DateTime::UNIX_EPOCH),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults<T: FromStr<Err = String> + std::fmt::Debug>(texts: &[&str], expected: &str) {
        for text in texts {
            let told = text.parse::<T>().expect_err(text);
            assert!(told.contains(expected), "{text}: {told}");
        }
    }

    #[test]
    fn a_line_is_split_at_its_last_sign() {
        let line: Line = "A=B C=6".parse().unwrap();
        assert_eq!((line.sku.as_str(), line.quantity.get()), ("A=B C", 6));
        faults::<Line>(&["", "85123A"], "expected SKU=QUANTITY, such as 85123A=6");
        faults::<Line>(&["=6", " A=6"], "the SKU must be 1 to 64 characters");
        faults::<Line>(&["A=", "A=0", "A=-1", "A=1.5", "A=many"], "whole number of at least 1");
        faults::<Line>(&["A=4294967296", "A=99999999999999999999"], "at most 4294967295");
    }

    #[test]
    fn a_time_is_written_down_or_seen_from_now() {
        let now = DateTime::from_timestamp(10_000, 0).unwrap();
        let seen = |text: &str| text.parse::<When>().unwrap().seen_from(now).timestamp();
        assert_eq!(seen("1970-01-01T00:00:07Z"), 7);
        assert_eq!(seen("1970-01-01T01:00:07+01:00"), 7);
        assert_eq!(seen("15m"), 10_000 - 900);
        assert_eq!(seen("1h 30m"), 10_000 - 5_400);
        assert_eq!(seen("290000years"), 0);
        faults::<When>(&["", "yesterday", "2026-07-01", "-5m"], "such as 2026-07-01T12:00:00Z");
    }
}
