//! What can be made to go wrong, and how often.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The longest delay that can be set.
const DELAY_MAX: Duration = Duration::from_hours(1);

/// A share of the operations, from 0 (none) to 1 (all).
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(f64);

/// A number is no rate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("expected a rate between 0 and 1, got {0}")]
pub struct NotARate(String);

/// The faults that the simulator plays. All off by default.
///
/// As JSON, delays are texts like `"250ms"` or `"1m 30s"`; a field left out is off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Switches {
    /// How long a write waits before it is decided. A client that goes away meanwhile does not stop it.
    #[serde(with = "delay")]
    pub latency: Duration,
    /// Up to so much is added to the latency.
    #[serde(with = "delay")]
    pub latency_jitter: Duration,
    /// Share of the writes answered with 500 before any effect.
    pub error_rate: Rate,
    /// Share of the writes answered with 500 after the effect.
    pub error_after_rate: Rate,
    /// Share of the writes that take effect while their answer is held back.
    pub timeout_rate: Rate,
    /// How long such an answer is held back.
    #[serde(with = "delay")]
    pub timeout_hold: Duration,
    /// Share of the charges that can never be settled.
    pub capture_refused_rate: Rate,
    /// What all draws depend on, beside the key and the attempt.
    pub seed: u64,
    /// Everything of the provider answers 503.
    pub down: bool,
}

impl Rate {
    /// As a number from 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Rate {
    type Error = NotARate;

    fn try_from(share: f64) -> Result<Self, NotARate> {
        // A range holds no NaN either.
        if (0.0..=1.0).contains(&share) { Ok(Self(share)) } else { Err(NotARate(share.to_string())) }
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

impl FromStr for Rate {
    type Err = NotARate;

    fn from_str(text: &str) -> Result<Self, NotARate> {
        text.parse::<f64>()
            .ok()
            .and_then(|share| share.try_into().ok())
            .ok_or_else(|| NotARate(format!("{text:?}")))
    }
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            latency_jitter: Duration::ZERO,
            error_rate: Rate::default(),
            error_after_rate: Rate::default(),
            timeout_rate: Rate::default(),
            timeout_hold: Duration::from_secs(30),
            capture_refused_rate: Rate::default(),
            seed: 0,
            down: false,
        }
    }
}

/// As JSON, which is also what the simulation's route takes.
impl fmt::Display for Switches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

/// Reads a delay like `20s`, at most an hour.
pub(crate) fn parse_delay(text: &str) -> Result<Duration, String> {
    let delay = humantime::parse_duration(text)
        .map_err(|fault| format!("expected a time like 250ms or 20s, got {text:?} ({fault})"))?;
    if delay > DELAY_MAX {
        return Err(format!("expected at most {}, got {text:?}", humantime::format_duration(DELAY_MAX)));
    }
    Ok(delay)
}

mod delay {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(delay: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*delay))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        super::parse_delay(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_lies_between_0_and_1() {
        for text in ["0", "1", "0.02", "1e-3"] {
            assert!(text.parse::<Rate>().is_ok(), "{text}");
        }
        for text in ["", "-0.1", "1.01", "2%", "NaN", "inf"] {
            assert!(text.parse::<Rate>().is_err(), "{text:?} must be refused");
        }
    }

    #[test]
    fn switches_survive_json() {
        let switches =
            Switches { latency: Duration::from_millis(1_250), seed: 7, down: true, ..Switches::default() };
        let json = serde_json::to_string(&switches).unwrap();
        assert!(json.contains(r#""latency":"1s 250ms""#), "{json}");
        assert_eq!(serde_json::from_str::<Switches>(&json).unwrap(), switches);
        assert_eq!(serde_json::from_str::<Switches>("{}").unwrap(), Switches::default());
        for wrong in [r#"{"latency":"soon"}"#, r#"{"latency":"2h"}"#, r#"{"error_rate":2}"#, r#"{"wrong":1}"#]
        {
            assert!(serde_json::from_str::<Switches>(wrong).is_err(), "{wrong} must be refused");
        }
    }
}
