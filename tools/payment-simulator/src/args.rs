//! The command line. Values are read as texts and judged together, so that all faults are named at once.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use crate::options::{OptionFaults, Options};
use crate::switches::{Rate, Switches, parse_delay};

/// A payment provider to run on your own machine: holds, settles and releases, and misbehaves on request.
///
/// Prints one line with its address on standard output when it is ready; logs go to standard error.
/// Rates lie between 0 and 1, times are written like 250ms or 20s.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "bowline-payment-simulator", version)]
pub struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, env = "BOWLINE_PAYMENT_SIMULATOR_LISTEN", default_value = "127.0.0.1:0")]
    listen: String,
    /// Folder of the books; made if it is not there
    #[arg(long, env = "BOWLINE_PAYMENT_SIMULATOR_DATA_DIR", default_value = "")]
    data_dir: String,
    /// Answer before the disk has it: faster, survives a kill but not a power cut
    #[arg(long, env = "BOWLINE_PAYMENT_SIMULATOR_NO_SYNC")]
    no_sync: bool,
    /// How long to wait for requests under way when told to stop
    #[arg(long, env = "BOWLINE_PAYMENT_SIMULATOR_DRAIN_TIMEOUT", default_value = "10s")]
    drain_timeout: String,
    /// Threads that serve requests, 1 to 64
    #[arg(long, env = "BOWLINE_PAYMENT_SIMULATOR_THREADS", default_value = "2")]
    threads: String,
    /// How long each write waits before it is decided
    #[arg(long, env = "BOWLINE_PAYMENT_SIMULATOR_LATENCY", default_value = "0s")]
    latency: String,
    /// Up to so much is added to the latency
    #[arg(long, env = "BOWLINE_PAYMENT_SIMULATOR_LATENCY_JITTER", default_value = "0s")]
    latency_jitter: String,
    /// Share of the writes that fail with 500 before any effect
    #[arg(long, env = "BOWLINE_PAYMENT_SIMULATOR_ERROR_RATE", default_value = "0")]
    error_rate: String,
    /// Share of the writes that fail with 500 after the effect
    #[arg(long, env = "BOWLINE_PAYMENT_SIMULATOR_ERROR_AFTER_RATE", default_value = "0")]
    error_after_rate: String,
    /// Share of the writes that take effect while the answer is held back
    #[arg(long, env = "BOWLINE_PAYMENT_SIMULATOR_TIMEOUT_RATE", default_value = "0")]
    timeout_rate: String,
    /// How long such an answer is held back
    #[arg(long, env = "BOWLINE_PAYMENT_SIMULATOR_TIMEOUT_HOLD", default_value = "30s")]
    timeout_hold: String,
    /// Share of the charges that can never be settled
    #[arg(long, env = "BOWLINE_PAYMENT_SIMULATOR_CAPTURE_REFUSED_RATE", default_value = "0")]
    capture_refused_rate: String,
    /// What all draws depend on, beside the key and the attempt
    #[arg(long, env = "BOWLINE_PAYMENT_SIMULATOR_SEED", default_value = "0")]
    seed: String,
}

impl Args {
    /// The options and the number of threads, or everything that is wrong with them.
    pub fn read(&self) -> Result<(Options, usize), OptionFaults> {
        let mut faults = Vec::new();
        let mut options = Options::new(&self.data_dir);
        options.sync = !self.no_sync;
        take(&mut faults, "--listen", parse_listen(&self.listen), &mut options.listen);
        if self.data_dir.is_empty() {
            faults.push("--data-dir: expected the folder of the books, got nothing".to_owned());
        }
        take(&mut faults, "--drain-timeout", parse_delay(&self.drain_timeout), &mut options.drain_timeout);
        let mut threads = 0;
        take(&mut faults, "--threads", parse_threads(&self.threads), &mut threads);
        options.switches = self.switches(&mut faults);
        if faults.is_empty() { Ok((options, threads)) } else { Err(OptionFaults(faults)) }
    }

    fn switches(&self, faults: &mut Vec<String>) -> Switches {
        let mut switches = Switches::default();
        let mut delay =
            |option, text: &str, place: &mut Duration| take(faults, option, parse_delay(text), place);
        delay("--latency", &self.latency, &mut switches.latency);
        delay("--latency-jitter", &self.latency_jitter, &mut switches.latency_jitter);
        delay("--timeout-hold", &self.timeout_hold, &mut switches.timeout_hold);
        let mut rate = |option, text: &str, place: &mut Rate| take(faults, option, text.parse(), place);
        rate("--error-rate", &self.error_rate, &mut switches.error_rate);
        rate("--error-after-rate", &self.error_after_rate, &mut switches.error_after_rate);
        rate("--timeout-rate", &self.timeout_rate, &mut switches.timeout_rate);
        rate("--capture-refused-rate", &self.capture_refused_rate, &mut switches.capture_refused_rate);
        let seed = self.seed.parse().map_err(|_| format!("expected a whole number, got {:?}", self.seed));
        take(faults, "--seed", seed, &mut switches.seed);
        switches
    }
}

/// Puts a value in its place, or its fault on the list.
fn take<T, E: Display>(faults: &mut Vec<String>, option: &str, value: Result<T, E>, place: &mut T) {
    match value {
        Ok(value) => *place = value,
        Err(fault) => faults.push(format!("{option}: {fault}")),
    }
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("expected an address and a port like 127.0.0.1:8090, got {text:?}"))
}

fn parse_threads(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=64).contains(count));
    count.ok_or_else(|| format!("expected a number from 1 to 64, got {text:?}"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn args(options: &[&str]) -> Args {
        let program = ["bowline-payment-simulator"];
        Args::try_parse_from(program.iter().chain(options)).unwrap()
    }

    #[test]
    fn options_find_their_place() {
        let given = args(&[
            "--data-dir=/tmp/books",
            "--listen=127.0.0.1:8090",
            "--no-sync",
            "--latency=20s",
            "--timeout-rate=0.02",
            "--capture-refused-rate=0.01",
            "--seed=7",
        ]);
        let (options, threads) = given.read().unwrap();
        let switches = Switches {
            latency: Duration::from_secs(20),
            timeout_rate: "0.02".parse().unwrap(),
            capture_refused_rate: "0.01".parse().unwrap(),
            seed: 7,
            ..Switches::default()
        };
        assert_eq!((options.switches, options.sync, threads), (switches, false, 2));
        assert_eq!((options.listen.port(), options.drain_timeout), (8090, Duration::from_secs(10)));
    }

    #[test]
    fn all_faults_are_named_at_once() {
        let wrong = args(&["--listen=here", "--latency=soon", "--error-rate=2", "--seed=x", "--threads=0"])
            .read()
            .unwrap_err();
        let told = wrong.to_string();
        for option in ["--listen", "--data-dir", "--latency", "--error-rate", "--seed", "--threads"] {
            assert!(told.contains(&format!("\n  {option}: expected")), "{option} in {told}");
        }
        assert_eq!(wrong.0.len(), 6, "{told}");
    }
}
