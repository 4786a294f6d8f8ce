//! The lanes hold what they promise within the bounds below, and each mechanism is needed for it.
//!
//! More: `cargo run -p bowline-model -- lanes --help`.

use bowline_model::lanes::{Bounds, Broken, Fault, Lanes, Property};
use clap::ValueEnum as _;

const THREADS: usize = 2;

fn bounds(messages: u8, faults: u8, kinds: &[Fault]) -> Bounds {
    Bounds { messages, faults, kinds: kinds.to_vec() }
}

/// Explores everything within the bounds: nothing is violated, and exactly so many states are reached. Another number
/// means another model: look at what was lost or won before writing it down.
fn holds(bounds: Bounds, states: usize) {
    let exploration = Lanes { bounds, broken: None }.explore(THREADS, &[]);
    assert_eq!(exploration.violated(), [], "{exploration:#?}");
    for property in Property::ALL.into_iter().filter(|property| !property.is_invariant()) {
        assert!(exploration.run(property).is_some(), "never happened: {property:?}");
    }
    assert_eq!(exploration.states, states);
}

/// With all that works, nothing is violated within the bounds; without the mechanism, the property is.
fn needs(mechanism: Broken, property: Property, bounds: Bounds) {
    let whole = Lanes { bounds, broken: None };
    assert_eq!(whole.explore(THREADS, &[]).violated(), []);
    let broken = Lanes { broken: Some(mechanism), ..whole };
    let exploration = broken.explore(THREADS, &[property]);
    assert!(exploration.run(property).is_some(), "{mechanism:?} does no harm: {exploration:?}");
}

#[test]
fn three_messages_survive_any_fault() {
    holds(bounds(3, 1, Fault::value_variants()), 273_679);
}

#[test]
fn two_messages_survive_any_two_faults() {
    holds(bounds(2, 2, Fault::value_variants()), 3_743_459);
}

#[test]
fn sequences_must_be_taken_under_the_heads_lock() {
    needs(Broken::NumberBeforeCommit, Property::AllPublished, bounds(2, 0, &[]));
}

#[test]
fn a_message_may_be_published_only_when_it_is_committed() {
    needs(Broken::OfferBeforeCommit, Property::Published, bounds(1, 1, &[Fault::Rollback]));
}

#[test]
fn sequences_used_again_need_another_incarnation() {
    needs(Broken::ReuseIncarnation, Property::AllApplied, bounds(2, 1, &[Fault::Failover]));
}

#[test]
fn only_what_is_acknowledged_may_be_noted() {
    needs(Broken::NoteBeforeAcknowledged, Property::Noted, bounds(1, 0, &[]));
    needs(Broken::NoteBeforeAcknowledged, Property::AllPublished, bounds(1, 1, &[Fault::Crash]));
}

#[test]
fn a_new_owner_must_go_on_at_the_noted_place() {
    needs(Broken::TakeOverAtHead, Property::AllPublished, bounds(1, 1, &[Fault::Crash]));
}

#[test]
fn a_new_producer_must_go_on_at_the_first_unacknowledged() {
    needs(Broken::RebuildBehindFailed, Property::AllPublished, bounds(1, 1, &[Fault::Producer]));
}

#[test]
fn a_relay_must_begin_anew_behind_a_failover() {
    needs(Broken::IgnoreFailover, Property::AllPublished, bounds(2, 1, &[Fault::Failover]));
}

#[test]
fn a_lost_last_message_shows_only_in_the_head() {
    needs(Broken::AnnounceNothing, Property::AllApplied, bounds(1, 1, &[Fault::Deletion]));
}

#[test]
fn what_was_deleted_unread_must_come_from_the_source() {
    needs(Broken::NeverAskSource, Property::AllApplied, bounds(1, 1, &[Fault::Deletion]));
}

/// Asking the source mends what was deleted, and hides no other fault: but for deletions and failovers, the log alone
/// brings everything.
#[test]
fn the_log_is_complete_by_itself() {
    let mended = [Fault::Deletion, Fault::Failover];
    let others: Vec<Fault> =
        Fault::value_variants().iter().copied().filter(|fault| !mended.contains(fault)).collect();
    let lanes = Lanes { bounds: bounds(3, 1, &others), broken: Some(Broken::NeverAskSource) };
    assert_eq!(lanes.explore(THREADS, &[]).violated(), []);
}

#[test]
fn the_watermark_must_be_compared_in_the_transaction() {
    needs(Broken::SkipWatermark, Property::Applied, bounds(1, 1, &[Fault::ConsumerExpiry]));
    needs(Broken::SkipWatermark, Property::Applied, bounds(1, 1, &[Fault::LostAnswer]));
}

#[test]
fn a_gap_must_hold_the_lane() {
    needs(Broken::SkipGap, Property::Applied, bounds(2, 1, &[Fault::Deletion]));
}

#[test]
fn a_history_must_be_checked_before_it_is_followed() {
    let failover = || bounds(3, 1, &[Fault::Failover]);
    needs(Broken::AcceptAnyIncarnation, Property::AllApplied, failover());
    needs(Broken::AcceptAnyIncarnation, Property::Applied, failover());
}

#[test]
fn what_a_child_has_kept_must_be_compared_with_what_was_applied() {
    needs(Broken::AcceptAnyChild, Property::AllApplied, bounds(3, 1, &[Fault::Failover]));
}

#[test]
fn a_failover_that_lost_nothing_must_not_stop_the_lane() {
    needs(Broken::AcceptNoIncarnation, Property::Stopped, bounds(2, 1, &[Fault::Failover]));
}

#[test]
fn the_position_must_not_pass_what_is_held() {
    needs(Broken::PositionAtRead, Property::Position, bounds(2, 1, &[Fault::Deletion]));
}
