//! The saga: what holds in every state, and that the model would notice.

use std::num::NonZeroUsize;

use bowline_model::saga::{Bounds, Defect, Report, explore};

fn run(bounds: Bounds, threads: NonZeroUsize) -> Report {
    let report = explore(bounds, threads, |_| {});
    println!("{bounds:?}\n{report}");
    report
}

/// Nothing is violated, and everything that the model is about was seen.
#[track_caller]
fn holds(bounds: Bounds) -> Report {
    let report = run(bounds, std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN));
    assert!(report.violations.is_empty() && report.unseen.is_empty(), "{report}");
    report
}

/// The property does not hold once the mechanism is gone. One thread always finds the same first.
#[track_caller]
fn is_missed(defect: Defect, property: &str) {
    let report = run(Bounds { defect: Some(defect), ..Bounds::one_order() }, NonZeroUsize::MIN);
    let violated: Vec<_> = report.violations.iter().map(|violation| violation.property).collect();
    assert!(violated.contains(&property), "{violated:?}");
}

#[test]
fn orders_in_each_others_way_end_in_one_way_each() {
    let report = holds(Bounds::default());
    assert!(report.states > 1_000_000, "only {} states", report.states);
}

#[test]
fn an_order_ends_in_one_way_wherever_a_process_dies() {
    holds(Bounds::one_order());
    holds(Bounds { skus: 2, ..Bounds::one_order() });
}

#[test]
fn the_deciders_bear_every_repetition_by_themselves() {
    let report = holds(Bounds { defect: Some(Defect::Repetition), ..Bounds::one_order() });
    assert_eq!(report.states, holds(Bounds::one_order()).states, "a repetition has no effect anywhere");
}

#[test]
fn a_forgotten_void_leaves_an_order_unfinished() {
    is_missed(Defect::ForgottenVoid, "when nobody has anything to do, every order is finished");
}

#[test]
fn without_a_watermark_messages_come_too_early() {
    is_missed(Defect::NoWatermark, "no message and no outcome is impossible where it arrives (4)");
}

#[test]
fn without_its_key_a_hold_is_held_twice() {
    is_missed(Defect::KeylessHold, "an order's total is held once at the most (7)");
}

#[test]
fn without_its_key_a_capture_is_taken_for_an_order_that_is_given_up() {
    is_missed(Defect::KeylessCapture, "money is taken for confirmed orders alone, and once (7)");
}

#[test]
fn a_message_sent_before_its_commit_is_sent_twice() {
    is_missed(Defect::SentBeforeCommit, "a compensation is answered once at the most (5)");
}
