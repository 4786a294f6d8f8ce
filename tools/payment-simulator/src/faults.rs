//! Which fault meets which attempt: drawn by hashing, so that a run with the same seed and keys repeats itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::switches::{Rate, Switches};

/// From this attempt of a key on, no fault is drawn: whoever sends it again gets through, whatever the rates are.
const FAULTY_ATTEMPTS_MAX: u32 = 3;

/// What happens to one attempt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// How long to wait before deciding.
    pub(crate) delay: Duration,
    /// What goes wrong, if anything.
    pub(crate) fault: Option<Fault>,
}

/// What can go wrong with one attempt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// 500, nothing done.
    ErrorBefore,
    /// 500, but it was done.
    ErrorAfter,
    /// It was done, and the answer comes so much later.
    HeldBack(Duration),
}

/// The lot by which settlements are refused.
#[derive(Clone, Copy)]
pub(crate) struct SettlementLot {
    rate: Rate,
    seed: u64,
}

/// The switches in force and the attempts counted since the start.
pub(crate) struct FaultPlanner {
    switches: RwLock<Arc<Switches>>,
    attempts: Mutex<HashMap<String, u32>>,
}

impl FaultPlanner {
    pub(crate) fn new(switches: Switches) -> Self {
        Self { switches: RwLock::new(Arc::new(switches)), attempts: Mutex::default() }
    }

    /// The switches in force.
    pub(crate) fn switches(&self) -> Arc<Switches> {
        Arc::clone(&self.switches.read().expect("nothing panics while it holds the switches"))
    }

    /// Puts other switches in force, from the next request on.
    pub(crate) fn set(&self, switches: Switches) {
        *self.switches.write().expect("nothing panics while it holds the switches") = Arc::new(switches);
    }

    /// Changes the switches in one step; nothing changes if `change` fails.
    pub(crate) fn update<E>(
        &self,
        change: impl FnOnce(&Switches) -> Result<Switches, E>,
    ) -> Result<Switches, E> {
        let mut current = self.switches.write().expect("nothing panics while it holds the switches");
        let switches = change(&current)?;
        *current = Arc::new(switches.clone());
        Ok(switches)
    }

    /// Draws the fate of the next attempt of a key. Attempts are counted only while something can be drawn.
    pub(crate) fn plan(&self, key: &str) -> Plan {
        let switches = self.switches();
        if switches.draws_nothing() {
            return Plan { delay: switches.latency, fault: None };
        }
        let attempt = {
            let mut attempts = self.attempts.lock().expect("nothing panics while it counts attempts");
            let attempt = attempts.entry(key.to_owned()).or_default();
            *attempt = attempt.saturating_add(1);
            *attempt
        };
        switches.plan(key, attempt)
    }

    /// The lot as the switches in force have it.
    pub(crate) fn settlement_lot(&self) -> SettlementLot {
        let switches = self.switches();
        SettlementLot { rate: switches.capture_refused_rate, seed: switches.seed }
    }
}

impl SettlementLot {
    /// Whether the charge of this merchant reference can never be settled.
    pub(crate) fn falls_on(self, merchant_reference: &str) -> bool {
        hits(self.rate, self.seed, "settlement", merchant_reference, 0)
    }
}

impl Switches {
    fn draws_nothing(&self) -> bool {
        let rates = [self.error_rate, self.error_after_rate, self.timeout_rate];
        self.latency_jitter.is_zero() && rates.into_iter().all(|rate| rate.get() <= 0.0)
    }

    fn plan(&self, key: &str, attempt: u32) -> Plan {
        let jitter = self.latency_jitter.mul_f64(share(self.seed, "jitter", key, attempt));
        let hits =
            |rate, purpose| attempt <= FAULTY_ATTEMPTS_MAX && hits(rate, self.seed, purpose, key, attempt);
        let fault = if hits(self.error_rate, "error") {
            Some(Fault::ErrorBefore)
        } else if hits(self.error_after_rate, "error after") {
            Some(Fault::ErrorAfter)
        } else if hits(self.timeout_rate, "timeout") {
            Some(Fault::HeldBack(self.timeout_hold))
        } else {
            None
        };
        Plan { delay: self.latency + jitter, fault }
    }
}

fn hits(rate: Rate, seed: u64, purpose: &str, key: &str, attempt: u32) -> bool {
    rate.get() > 0.0 && share(seed, purpose, key, attempt) < rate.get()
}

/// A number in [0, 1), evenly spread, always the same for the same arguments.
fn share(seed: u64, purpose: &str, key: &str, attempt: u32) -> f64 {
    let digest = Sha256::new()
        .chain_update(seed.to_be_bytes())
        .chain_update(attempt.to_be_bytes())
        .chain_update(purpose)
        .chain_update([0])
        .chain_update(key)
        .finalize();
    let (head, _) = digest.split_first_chunk::<4>().expect("a digest has 32 bytes");
    f64::from(u32::from_be_bytes(*head)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(share: f64) -> Rate {
        share.try_into().unwrap()
    }

    #[test]
    fn the_same_seed_key_and_attempt_draw_the_same() {
        let switches =
            Switches { error_rate: rate(0.3), timeout_rate: rate(0.3), seed: 9, ..Switches::default() };
        let draw = |switches: &Switches| -> Vec<Plan> {
            let planner = FaultPlanner::new(switches.clone());
            (0..200).map(|n| planner.plan(&format!("order-{}:hold", n % 100))).collect()
        };
        assert_eq!(draw(&switches), draw(&switches));
        assert_ne!(draw(&switches), draw(&Switches { seed: 10, ..switches.clone() }), "the seed matters");
        let plans = draw(&switches);
        assert_ne!(plans[..100], plans[100..], "the attempt matters");
    }

    #[test]
    fn rates_are_met() {
        let switches = Switches { error_rate: rate(0.02), ..Switches::default() };
        let planner = FaultPlanner::new(switches);
        let faults = (0..10_000).filter(|n| planner.plan(&format!("key-{n}")).fault.is_some()).count();
        assert!((150..250).contains(&faults), "{faults} of 10,000 at 2 %");
    }

    #[test]
    fn the_fourth_attempt_gets_through() {
        let hold = Duration::from_secs(5);
        for (switches, fault) in [
            (Switches { error_rate: rate(1.0), ..Switches::default() }, Fault::ErrorBefore),
            (Switches { error_after_rate: rate(1.0), ..Switches::default() }, Fault::ErrorAfter),
            (
                Switches { timeout_rate: rate(1.0), timeout_hold: hold, ..Switches::default() },
                Fault::HeldBack(hold),
            ),
        ] {
            let planner = FaultPlanner::new(switches);
            let faults: Vec<_> = (0..5).map(|_| planner.plan("key").fault).collect();
            let expected = Some(fault);
            assert_eq!(faults, [expected.clone(), expected.clone(), expected, None, None]);
        }
    }

    #[test]
    fn jitter_is_added_to_the_latency() {
        let (latency, latency_jitter) = (Duration::from_millis(100), Duration::from_millis(50));
        let planner = FaultPlanner::new(Switches { latency, latency_jitter, ..Switches::default() });
        let delays: Vec<_> = (0..100).map(|n| planner.plan(&format!("key-{n}")).delay).collect();
        assert!(delays.iter().all(|delay| (latency..latency + latency_jitter).contains(delay)));
        assert!(delays.iter().any(|delay| *delay != delays[0]));
    }

    #[test]
    fn the_settlement_lot_depends_on_the_reference_alone() {
        let lot = SettlementLot { rate: rate(0.5), seed: 3 };
        let falls = |n: u32| lot.falls_on(&format!("order-{n}"));
        assert_eq!((0..50).map(falls).collect::<Vec<_>>(), (0..50).map(falls).collect::<Vec<_>>());
        let count = (0..1_000).filter(|n| falls(*n)).count();
        assert!((400..600).contains(&count), "{count} of 1,000 at 50 %");
        assert!(!SettlementLot { rate: rate(0.0), seed: 3 }.falls_on("order"));
        assert!(SettlementLot { rate: rate(1.0), seed: 3 }.falls_on("order"));
    }
}
