//! The options of the service. All faults are named at once, before anything starts.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use bowline_config::{Faults, Given};
use bowline_resilience::{BreakerOptions, BreakerSettings, RetrySettings, ValveOptions, ValveSettings};
use bowline_service::{ReplicaOptions, ReplicaSettings};
use clap::{Args, Parser};
use url::Url;

use crate::infra::provider::ProviderSettings;
use crate::worker::WorkerSettings;

/// The payment service: authorises, captures and voids the payments of orders through a payment provider.
#[derive(Debug, Parser)]
#[command(name = "bowline-payment", version)]
pub struct Options {
    #[command(flatten)]
    replica: ReplicaOptions,
    #[command(flatten)]
    provider: ProviderArgs,
    #[command(flatten)]
    breaker: BreakerOptions,
    #[command(flatten)]
    valve: ValveOptions,
    /// The most payments kept in memory between batches.
    #[arg(long, env = "BOWLINE_PAYMENTS_CACHED_MAX", default_value = "65536", help_heading = "Limits")]
    payments_cached_max: Given<usize>,
    /// After how many events of a payment its next snapshot is taken. Few payments have as many as ten.
    #[arg(
        long,
        env = "BOWLINE_SNAPSHOT_EVERY",
        default_value = "50",
        value_name = "COUNT",
        help_heading = "Limits"
    )]
    snapshot_every: Given<u32>,
}

/// How the payment provider is called.
#[derive(Debug, Args)]
#[command(next_help_heading = "Payment provider")]
#[expect(clippy::struct_field_names, reason = "the flags take their names from the fields")]
struct ProviderArgs {
    /// Base address of the provider's API, over plain HTTP: a proxy beside this process speaks TLS with the provider.
    #[arg(long, env = "BOWLINE_PAYMENT_PROVIDER_URL", value_name = "URL")]
    provider_url: Option<Given<Url>>,
    /// How long one call may take; its outcome is unknown afterwards, and asked for.
    #[arg(long, env = "BOWLINE_PAYMENT_PROVIDER_TIMEOUT", default_value = "5s", value_name = "TIME")]
    provider_timeout: Given<Duration>,
    /// Calls at the same time; this by the provider's latency is how many operations a second can be had.
    #[arg(long, env = "BOWLINE_PAYMENT_PROVIDER_CONCURRENCY", default_value = "128", value_name = "COUNT")]
    provider_concurrency: Given<usize>,
    /// Wait before the second attempt; each further wait doubles, without end. Jitter adds up to the same again.
    #[arg(long, env = "BOWLINE_PAYMENT_PROVIDER_BACKOFF_MIN", default_value = "50ms", value_name = "TIME")]
    provider_backoff_min: Given<Duration>,
    /// Longest wait between two attempts, before jitter.
    #[arg(long, env = "BOWLINE_PAYMENT_PROVIDER_BACKOFF_MAX", default_value = "5s", value_name = "TIME")]
    provider_backoff_max: Given<Duration>,
    /// How long an operation rests that the provider does not accept as a request, which is an error to look at.
    #[arg(long, env = "BOWLINE_PAYMENT_PROVIDER_ALERT_PAUSE", default_value = "1m", value_name = "TIME")]
    provider_alert_pause: Given<Duration>,
    /// Operations in memory at the same time; the others wait in the database.
    #[arg(long, env = "BOWLINE_PAYMENT_OPERATIONS_MAX", default_value = "16384", value_name = "COUNT")]
    provider_operations_max: Given<usize>,
    /// How often the database is asked for open operations that nobody has handed over.
    #[arg(long, env = "BOWLINE_PAYMENT_SWEEP_INTERVAL", default_value = "5s", value_name = "TIME")]
    provider_sweep_interval: Given<Duration>,
}

/// Checked options.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What every service has whose work runs on lanes.
    pub replica: ReplicaSettings,
    /// Where the provider is.
    pub provider: ProviderSettings,
    /// How its operations are executed.
    pub worker: WorkerSettings,
    /// The most payments kept in memory between batches.
    pub payments_cached_max: NonZeroUsize,
    /// After how many events of a payment its next snapshot is taken.
    pub snapshot_every: NonZeroU32,
}

impl Options {
    /// The settings, or `None` and the faults.
    pub fn check(self, faults: &mut Faults) -> Option<Settings> {
        let replica = self.replica.check(faults);
        let breaker = self.breaker.check(faults);
        let valve = self.valve.check(faults);
        let provider = self.provider.check(faults);
        let payments_cached_max =
            faults.within("payments-cached-max", self.payments_cached_max, 1..=10_000_000);
        let snapshot_every = faults.within("snapshot-every", self.snapshot_every, 1..=1_000_000);
        let (replica, (provider, worker)) = (replica?, provider?);
        // A part of the time: the lanes have to be handed over as well, which may take half of it.
        let drain_timeout = provider.timeout.min(replica.service.drain.timeout / 3);
        let worker = WorkerSettings { breaker: breaker?, valve: valve?, drain_timeout, ..worker };
        Some(Settings {
            replica,
            provider,
            worker,
            payments_cached_max: NonZeroUsize::new(payments_cached_max?)?,
            snapshot_every: NonZeroU32::new(snapshot_every?)?,
        })
    }
}

impl ProviderArgs {
    /// Where the provider is, and how the worker works with the defaults of breaker and valve.
    fn check(self, faults: &mut Faults) -> Option<(ProviderSettings, WorkerSettings)> {
        let expected = "the http:// address of the payment provider";
        let url =
            faults.require("provider-url", self.provider_url, expected).filter(|url| plain_http(faults, url));
        let timeout = faults.positive("provider-timeout", self.provider_timeout);
        let concurrency = faults.within("provider-concurrency", self.provider_concurrency, 1..=10_000);
        let backoff_min = faults.positive("provider-backoff-min", self.provider_backoff_min);
        let backoff_max = faults.positive("provider-backoff-max", self.provider_backoff_max);
        if let (Some(shortest), Some(longest)) = (backoff_min, backoff_max)
            && shortest > longest
        {
            faults.add("provider-backoff-max", None, "at least --provider-backoff-min");
        }
        let alert_pause = faults.positive("provider-alert-pause", self.provider_alert_pause);
        let in_hand_max =
            faults.within("provider-operations-max", self.provider_operations_max, 1..=1_000_000);
        let sweep_interval = faults.positive("provider-sweep-interval", self.provider_sweep_interval);
        let retry =
            RetrySettings { attempts_max: None, backoff_min: backoff_min?, backoff_max: backoff_max? };
        let (timeout, concurrency) = (timeout?, concurrency?);
        let worker = WorkerSettings {
            concurrency,
            in_hand_max: in_hand_max?,
            sweep_interval: sweep_interval?,
            retry,
            breaker: BreakerSettings::default(),
            valve: ValveSettings::default(),
            alert_pause: alert_pause?,
            drain_timeout: timeout,
        };
        Some((ProviderSettings { url: url?, timeout, concurrency }, worker))
    }
}

/// This program speaks no TLS itself.
fn plain_http(faults: &mut Faults, url: &Url) -> bool {
    let plain = url.scheme() == "http";
    if !plain {
        faults.add("provider-url", Some(format!("{}://…", url.scheme())), "an http:// address");
    }
    plain
}
