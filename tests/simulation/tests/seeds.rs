//! Seeds: what holds in all of them, that they are the same again, and that what is taken away is missed.

use std::collections::BTreeSet;
use std::sync::Mutex;

use bowline_simulation::{Outcome, Sabotage, Settings, Simulation, run_all};

/// How many seeds are run, unless `BOWLINE_SIMULATION_SEEDS` says another number.
const SEEDS: u64 = 300;
/// Each thread has databases of its own and keeps them busy.
const THREADS_MAX: usize = 4;
/// Among so many seeds there is one that misses what is taken away.
const SEEDS_UNTIL_FOUND: u64 = 25;
/// What the seeds are about: each of these is to be seen among them.
const SEEN: [&str; 22] = [
    "OrderFinished",
    "StockRejected",
    "StockRestocked",
    "PaymentDeclined",
    "PaymentCaptureFailed",
    "PaymentVoided",
    "left out",
    "failed: the database of the lanes failed",
    "cut off before the commit",
    "cut off behind the commit",
    "and dies",
    " dies",
    " stands still",
    "is cut off from the broker",
    "loses its last",
    "loses its first",
    "is lost, the beginning is",
    "of a former producer: arrives true",
    "Unacknowledged",
    "Doubled",
    "no answer",
    "deadlines are due",
];

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX)
}

#[expect(clippy::disallowed_methods, reason = "tests have no command line through which options could come")]
fn seeds() -> u64 {
    std::env::var("BOWLINE_SIMULATION_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(SEEDS)
}

#[test]
fn whatever_goes_wrong_the_invariants_hold_in_the_end() {
    let settings = Settings::stormy();
    let seen = Mutex::new(BTreeSet::new());
    let look = |outcome: &Outcome| {
        let new = SEEN.iter().filter(|what| outcome.trace.lines().iter().any(|line| line.contains(**what)));
        seen.lock().unwrap().extend(new.copied());
    };
    let (run, failed) = run_all(0..seeds(), &settings, threads(), look).unwrap();
    if let Some(outcome) = failed {
        panic!("{}", outcome.report(&settings));
    }
    assert_eq!(run, seeds());
    let seen = seen.into_inner().unwrap();
    let unseen: Vec<_> = SEEN.iter().filter(|what| !seen.contains(*what)).collect();
    assert!(unseen.is_empty() || run < SEEDS, "never seen in {run} seeds: {unseen:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let settings = Settings::stormy();
    let hashes = || -> Vec<String> {
        let mut simulation = Simulation::set().unwrap();
        [3, 14, 15].map(|seed| simulation.run(seed, &settings).unwrap().trace.hash()).to_vec()
    };
    let (one, other) = (hashes(), hashes());
    assert_eq!(one, other);
    assert_ne!(one[0], one[1], "the seed matters");
}

/// Some seed is found to be wrong in these ways, says how to see it again, and is the same when it is run again.
#[track_caller]
fn is_missed(sabotage: Sabotage, faults: &[&str]) {
    let settings = Settings { sabotage: Some(sabotage), ..Settings::stormy() };
    let (_, failed) = run_all(0..SEEDS_UNTIL_FOUND, &settings, 1, |_| {}).expect("runs end");
    let outcome = failed.expect("a mechanism is taken away, and every seed ends well");
    for fault in faults {
        assert!(outcome.faults.iter().any(|found| found.contains(fault)), "{:#?}", outcome.faults);
    }
    let command = format!("cargo run -p bowline-simulation -- --seed {} ", outcome.seed);
    assert!(outcome.report(&settings).contains(&command), "{}", outcome.report(&settings));
    let mut simulation = Simulation::set().expect("PostgreSQL is there");
    let again = simulation.run(outcome.seed, &settings).expect("a run ends");
    assert_eq!((again.trace.hash(), again.faults.len()), (outcome.trace.hash(), outcome.faults.len()));
}

#[test]
fn a_consumer_that_takes_a_topic_as_it_lies_is_found_out() {
    let ledger = "every consumer's watermark equals the last sequence of its lane";
    is_missed(Sabotage::NoWatermark, &["; of what it reacts to, next come", ledger]);
}

#[test]
fn a_commit_that_is_forgotten_behind_its_answer_is_found_out() {
    // Whose commit is forgotten first, and so who notices, is up to the seed.
    is_missed(Sabotage::ForgottenCommit, &[]);
}

#[test]
fn a_payment_that_does_not_hear_of_its_void_is_found_out() {
    let ledger = "every accepted order is finished in exactly one end state";
    is_missed(Sabotage::ForgottenVoid, &["in the model, order", ledger]);
}

#[test]
fn a_topic_that_lost_messages_which_nobody_asks_for_is_found_out() {
    let ledger = "every consumer's watermark equals the last sequence of its lane";
    is_missed(Sabotage::NoHealing, &["timelines hold every published event exactly once", ledger]);
}
