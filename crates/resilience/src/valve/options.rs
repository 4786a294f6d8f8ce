use std::time::Duration;

use bowline_config::{Faults, Given, Growth};
use clap::Args;

/// Options of drain valves. A process with several gives all of them the same ones.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Drain valves")]
#[expect(clippy::struct_field_names, reason = "the flags take their names from the fields")]
pub struct ValveOptions {
    /// Calls a second that are let through first when a circuit breaker has closed that work waits behind.
    #[arg(long, env = "BOWLINE_VALVE_RATE_MIN", default_value = "100", value_name = "COUNT")]
    valve_rate_min: Given<u32>,
    /// Calls a second at which nothing is held back any more.
    #[arg(long, env = "BOWLINE_VALVE_RATE_MAX", default_value = "2000", value_name = "COUNT")]
    valve_rate_max: Given<u32>,
    /// Factor by which the rate grows at the end of every interval.
    #[arg(long, env = "BOWLINE_VALVE_GROWTH", default_value = "2", value_name = "FACTOR")]
    valve_growth: Given<Growth>,
    /// How long the rate stays the same before it grows.
    #[arg(long, env = "BOWLINE_VALVE_INTERVAL", default_value = "1s", value_name = "TIME")]
    valve_interval: Given<Duration>,
}

/// Checked settings of a valve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValveSettings {
    /// Calls a second at first; above zero.
    pub rate_min: f64,
    /// Calls a second at which nothing is held back any more.
    pub rate_max: f64,
    /// By what the rate is multiplied at the end of every interval; above 1.
    pub growth: f64,
    /// How long the rate stays the same; above zero.
    pub interval: Duration,
}

impl ValveOptions {
    /// The settings, or `None` and the faults.
    pub fn check(self, faults: &mut Faults) -> Option<ValveSettings> {
        let rate_min = faults.within("valve-rate-min", self.valve_rate_min, 1..=1_000_000);
        let shown = format!("{:?}", self.valve_rate_max);
        let rate_max = faults.within("valve-rate-max", self.valve_rate_max, 1..=1_000_000);
        if let (Some(least), Some(most)) = (rate_min, rate_max)
            && least > most
        {
            faults.add("valve-rate-max", Some(shown), "at least --valve-rate-min");
        }
        let growth = faults.take("valve-growth", self.valve_growth);
        let interval = faults.positive("valve-interval", self.valve_interval);
        Some(ValveSettings {
            rate_min: rate_min?.into(),
            rate_max: rate_max?.into(),
            growth: growth?.get(),
            interval: interval?,
        })
    }
}

impl ValveSettings {
    /// The number of the interval in which this time after the closing lies, from 0.
    pub(super) fn step_after(&self, elapsed: Duration) -> u32 {
        u32::try_from(elapsed.as_nanos() / self.interval.as_nanos()).unwrap_or(u32::MAX - 1)
    }

    /// Calls a second at this time after the closing; `None` when nothing is held back any more.
    pub(super) fn rate_after(&self, elapsed: Duration) -> Option<f64> {
        let rate = self.rate_min * self.growth.powf(self.step_after(elapsed).into());
        (rate < self.rate_max).then_some(rate)
    }
}

impl Default for ValveSettings {
    fn default() -> Self {
        Self { rate_min: 100.0, rate_max: 2_000.0, growth: 2.0, interval: Duration::from_secs(1) }
    }
}
