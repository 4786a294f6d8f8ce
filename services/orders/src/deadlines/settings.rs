//! How long orders may wait, and how that is looked after.

use std::time::Duration;

use bowline_config::{Faults, Given};
use bowline_orders_domain::DeadlineLimits;
use chrono::TimeDelta;
use clap::Args;
use url::Url;

/// The options of deadlines.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Deadlines")]
pub(crate) struct DeadlineArgs {
    /// How long an order may wait for stock before it is cancelled; 0s: as long as it takes.
    #[arg(long, env = "BOWLINE_DEADLINE_STOCK", default_value = "10m", value_name = "TIME")]
    deadline_stock: Given<Duration>,
    /// How long an order may then wait for payment; 0s: as long as it takes.
    #[arg(long, env = "BOWLINE_DEADLINE_PAYMENT", default_value = "10m", value_name = "TIME")]
    deadline_payment: Given<Duration>,
    /// How long an order may be pending in all; 0s: as long as its steps take.
    #[arg(long, env = "BOWLINE_DEADLINE_SAGA", default_value = "15m", value_name = "TIME")]
    deadline_saga: Given<Duration>,
    /// How long at most a deadline that has passed waits while the way of its step is not clear: while the service that
    /// owes the answer, or the payment provider, is away, or messages lie unread.
    #[arg(long, env = "BOWLINE_DEADLINE_WAIT_MAX", default_value = "1h", value_name = "TIME")]
    deadline_wait_max: Given<Duration>,
    /// How long the way of a step must have been clear before its deadlines take effect.
    #[arg(long, env = "BOWLINE_DEADLINE_SETTLE", default_value = "1m", value_name = "TIME")]
    deadline_settle: Given<Duration>,
    /// How often deadlines are looked for.
    #[arg(long, env = "BOWLINE_DEADLINE_INTERVAL", default_value = "1s", value_name = "TIME")]
    deadline_interval: Given<Duration>,
    /// The most deadlines that take effect at once.
    #[arg(long, env = "BOWLINE_DEADLINE_BATCH_MAX", default_value = "512", value_name = "COUNT")]
    deadline_batch_max: Given<usize>,
    /// How long it may take to find out whether the way of a step is clear; longer counts as no.
    #[arg(long, env = "BOWLINE_DEADLINE_PROBE_TIMEOUT", default_value = "3s", value_name = "TIME")]
    deadline_probe_timeout: Given<Duration>,
    /// Where payment is asked whether it and its provider are in order.
    #[arg(long, env = "BOWLINE_PAYMENT_URL", default_value = "http://127.0.0.1:50053", value_name = "URL")]
    payment_url: Given<Url>,
}

/// Checked options of deadlines.
#[derive(Debug, Clone)]
pub struct DeadlineSettings {
    /// How long each step, and the whole, may take.
    pub limits: DeadlineLimits,
    /// How long a deadline that has passed waits at most.
    pub wait_max: TimeDelta,
    /// How long the way of a step must have been clear.
    pub settle: TimeDelta,
    /// How often deadlines are looked for.
    pub interval: Duration,
    /// The most that take effect at once.
    pub batch_max: usize,
    /// How long it may take to find out whether the way of a step is clear.
    pub probe_timeout: Duration,
    /// Where payment is.
    pub payment_url: Url,
}

/// Nobody waits longer for an order; and times that far away can be added up.
const LONGEST: Duration = Duration::from_hours(90 * 24);
/// What [`bowline_messaging::Inputs::caught_up`] needs at least.
const PROBE_MIN: Duration = Duration::from_secs(2);
const PAYMENT_URL: &str = "an address such as http://payment:50053";

impl DeadlineArgs {
    /// Takes the values out, collecting every fault.
    pub(crate) fn check(self, faults: &mut Faults) -> Option<DeadlineSettings> {
        let stock = time(faults, "deadline-stock", self.deadline_stock);
        let payment = time(faults, "deadline-payment", self.deadline_payment);
        let saga = time(faults, "deadline-saga", self.deadline_saga);
        if let (Some(stock), Some(payment), Some(saga)) = (stock, payment, saga)
            && !saga.is_zero()
            && saga < stock.max(payment)
        {
            faults.add("deadline-saga", None, "0s, or at least --deadline-stock and --deadline-payment");
        }
        let wait_max = time(faults, "deadline-wait-max", self.deadline_wait_max);
        let settle = time(faults, "deadline-settle", self.deadline_settle);
        let interval = faults.positive("deadline-interval", self.deadline_interval);
        let batch_max = faults.within("deadline-batch-max", self.deadline_batch_max, 1..=10_000);
        let probe_timeout =
            faults.take_if("deadline-probe-timeout", self.deadline_probe_timeout, "at least 2s", |time| {
                *time >= PROBE_MIN
            });
        let payment_url = faults.take_if("payment-url", self.payment_url, PAYMENT_URL, |url| {
            url.scheme() == "http" && url.has_host()
        });
        let limits = DeadlineLimits { stock: limit(stock?), payment: limit(payment?), saga: limit(saga?) };
        Some(DeadlineSettings {
            limits,
            wait_max: delta(wait_max?),
            settle: delta(settle?),
            interval: interval?,
            batch_max: batch_max?,
            probe_timeout: probe_timeout?,
            payment_url: payment_url?,
        })
    }
}

fn time(faults: &mut Faults, flag: &str, given: Given<Duration>) -> Option<Duration> {
    faults.take_if(flag, given, "a time of up to 90 days", |time| *time <= LONGEST)
}

fn limit(time: Duration) -> Option<TimeDelta> {
    (!time.is_zero()).then(|| delta(time))
}

fn delta(time: Duration) -> TimeDelta {
    TimeDelta::from_std(time).expect("it is at most 90 days")
}
