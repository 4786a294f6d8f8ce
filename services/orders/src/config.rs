//! Options of the orders service.

use std::num::NonZeroUsize;
use std::time::Duration;

use bowline_config::{Faults, Given};
use bowline_orders_domain::LineLimits;
use bowline_resilience::{BreakerOptions, BreakerSettings, RetryOptions, RetrySettings};
use bowline_service::{AnswersArgs, ForwardArgs, ForwardSettings, ReplicaOptions, ReplicaSettings};
use url::Url;

use crate::deadlines::{DeadlineArgs, DeadlineSettings};

/// The Bowline orders service.
///
/// Every option can be given as a flag or as an environment variable. All faults are named at once.
#[derive(Debug, clap::Parser)]
#[command(name = "bowline-orders", version)]
pub struct Options {
    #[command(flatten)]
    replica: ReplicaOptions,
    #[command(flatten)]
    forwarding: ForwardArgs,
    #[command(flatten)]
    breaker: BreakerOptions,
    #[command(flatten)]
    retry: RetryOptions,
    #[command(flatten)]
    answers: AnswersArgs,
    #[command(flatten)]
    deadlines: DeadlineArgs,
    /// Where inventory's catalogue is asked for prices.
    #[arg(
        long,
        env = "BOWLINE_INVENTORY_URL",
        default_value = "http://127.0.0.1:50052",
        help_heading = "Catalogue"
    )]
    inventory_url: Given<Url>,
    /// How long one question to the catalogue may take.
    #[arg(long, env = "BOWLINE_CATALOGUE_TIMEOUT", default_value = "2s", help_heading = "Catalogue")]
    catalogue_timeout: Given<Duration>,
    /// How long a price is used before the catalogue is asked again.
    #[arg(long, env = "BOWLINE_CATALOGUE_TTL", default_value = "30s", help_heading = "Catalogue")]
    catalogue_ttl: Given<Duration>,
    /// The most products whose prices are kept in memory.
    #[arg(long, env = "BOWLINE_CATALOGUE_CACHED_MAX", default_value = "100000", help_heading = "Catalogue")]
    catalogue_cached_max: Given<u64>,
    /// The most lines of an order.
    #[arg(long, env = "BOWLINE_ORDER_LINES_MAX", default_value = "1000", help_heading = "Limits")]
    order_lines_max: Given<usize>,
    /// The most units of a line.
    #[arg(long, env = "BOWLINE_LINE_QUANTITY_MAX", default_value = "100000", help_heading = "Limits")]
    line_quantity_max: Given<u32>,
    /// The most orders kept in memory between batches.
    #[arg(long, env = "BOWLINE_ORDERS_CACHED_MAX", default_value = "50000", help_heading = "Limits")]
    orders_cached_max: Given<usize>,
}

/// Checked [`Options`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// What every service has whose work runs on lanes.
    pub replica: ReplicaSettings,
    /// How calls are forwarded to the replicas that own their orders.
    pub forwarding: ForwardSettings,
    /// How prices are asked for.
    pub catalogue: CatalogueSettings,
    /// How large an order may be.
    pub line_limits: LineLimits,
    /// The most orders kept in memory between batches.
    pub orders_cached_max: NonZeroUsize,
    /// How long answers are kept.
    pub answers_kept: Duration,
    /// How long orders may wait for what they need.
    pub deadlines: DeadlineSettings,
}

/// How prices are asked for.
#[derive(Debug, Clone)]
pub struct CatalogueSettings {
    /// Where inventory is.
    pub url: Url,
    /// How long one question may take.
    pub timeout: Duration,
    /// How long a price is used.
    pub ttl: Duration,
    /// The most products kept in memory.
    pub cached_max: u64,
    /// When the catalogue is given a rest.
    pub breaker: BreakerSettings,
    /// How often a question is repeated.
    pub retry: RetrySettings,
}

impl Options {
    /// Takes the values out, collecting every fault.
    pub fn check(self, faults: &mut Faults) -> Option<Settings> {
        let replica = self.replica.check(faults);
        let breaker = self.breaker.check(faults);
        let forwarding = self.forwarding.check(breaker, faults);
        let retry = self.retry.check(faults);
        let answers_kept = self.answers.check(faults);
        let deadlines = self.deadlines.check(faults);
        let url = faults.take_if("inventory-url", self.inventory_url, INVENTORY_URL, |url| {
            url.scheme() == "http" && url.has_host()
        });
        let timeout = faults.positive("catalogue-timeout", self.catalogue_timeout);
        let ttl = faults.take("catalogue-ttl", self.catalogue_ttl);
        let cached_max = faults.take("catalogue-cached-max", self.catalogue_cached_max);
        let lines_max = faults.within("order-lines-max", self.order_lines_max, 1..=10_000);
        let quantity_max = faults.within("line-quantity-max", self.line_quantity_max, 1..=1_000_000_000);
        let orders_cached_max = faults.within("orders-cached-max", self.orders_cached_max, 1..=100_000_000);
        Some(Settings {
            replica: replica?,
            forwarding: forwarding?,
            catalogue: CatalogueSettings {
                url: url?,
                timeout: timeout?,
                ttl: ttl?,
                cached_max: cached_max?,
                breaker: breaker?,
                retry: retry?,
            },
            line_limits: LineLimits { lines_max: lines_max?, quantity_max: quantity_max? },
            orders_cached_max: NonZeroUsize::new(orders_cached_max?)?,
            answers_kept: answers_kept?,
            deadlines: deadlines?,
        })
    }
}

const INVENTORY_URL: &str = "an address such as http://inventory:50052";
