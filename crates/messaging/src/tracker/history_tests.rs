//! Failovers of the source, with and without loss.

use bowline_contracts::envelope::Envelope;
use bowline_contracts::topics::ORDERS_EVENTS;
use uuid::Uuid;

use super::tests::{HISTORY, INPUT, commit, envelope, head, message, receive, tracker};
use super::*;
use crate::inbox::Mark;

const CHILD: Uuid = Uuid::from_u128(2);
const GRANDCHILD: Uuid = Uuid::from_u128(3);
const NOWHERE: [i64; 0] = [];
const STRANGER: Uuid = Uuid::from_u128(99);

fn given_in(incarnation: Uuid, envelope: Envelope) -> Envelope {
    Envelope { incarnation, ..envelope }
}

/// The source tells these histories, each with what it has of the one before; where is read again?
fn tell(tracker: &mut Tracker, histories: &[(Uuid, i64)]) -> Vec<i64> {
    let link = |(incarnation, start): &(Uuid, i64)| Link {
        incarnation: *incarnation,
        starts: (0..ORDERS_EVENTS.partitions).map(|partition| (partition, *start)).collect(),
    };
    let history = History::new(histories.iter().map(link).collect()).unwrap();
    let (again, _) = tracker.learn(&ORDERS_EVENTS, "orders", history);
    again.into_iter().map(|assignment| assignment.offset).collect()
}

/// A lane that has applied this many messages of the first history.
fn applied(sequence: i64) -> Tracker {
    let mut tracker = tracker();
    for next in 1..=sequence {
        assert_eq!(receive(&mut tracker, next - 1, &envelope(next)), Verdict::Apply(INPUT));
    }
    commit(&mut tracker, sequence);
    tracker
}

fn state(tracker: &Tracker) -> Option<Standstill> {
    tracker.standing().first().map(|standing| standing.state)
}

#[test]
fn a_child_that_has_all_that_was_applied_is_followed() {
    let mut tracker = applied(2);
    assert_eq!(receive(&mut tracker, 2, &given_in(CHILD, envelope(3))), Verdict::Doubt);
    assert_eq!(receive(&mut tracker, 3, &envelope(3)), Verdict::Hold, "nobody knows whether it still counts");
    assert_eq!((state(&tracker), tracker.missing()), (Some(Standstill::Doubt), vec![]));
    assert_eq!(tracker.positions(), [], "reading begins in front of it again");
    assert_eq!(tell(&mut tracker, &[(HISTORY, 0), (CHILD, 2)]), [2]);
    assert_eq!(receive(&mut tracker, 2, &given_in(CHILD, envelope(3))), Verdict::Apply(INPUT));
    assert_eq!(receive(&mut tracker, 3, &envelope(3)), Verdict::Drop);
    assert_eq!(state(&tracker), None);
}

#[test]
fn a_child_that_begins_below_what_was_applied_stops_the_lane() {
    let mut tracker = applied(4);
    assert_eq!(receive(&mut tracker, 4, &given_in(CHILD, envelope(3))), Verdict::Doubt);
    assert_eq!(tell(&mut tracker, &[(HISTORY, 0), (CHILD, 2)]), NOWHERE);
    assert_eq!(state(&tracker), Some(Standstill::Forgotten(Forgotten { kept: 2, incarnation: CHILD })));
    let told = tracker.stopped();
    let expected = "orders.events.v1/3: orders behind sequence 4: sequences 3 to 4 were applied, but the source has lost them";
    assert!(told[0].starts_with(expected), "{told:?}");
    assert_eq!(receive(&mut tracker, 5, &given_in(CHILD, envelope(5))), Verdict::Hold);
    assert_eq!(tracker.positions(), [], "never past a message that is not applied");
}

#[test]
fn what_a_child_has_forgotten_is_dropped_and_its_own_applied() {
    let mut tracker = applied(2);
    assert_eq!(tell(&mut tracker, &[(HISTORY, 0), (CHILD, 3)]), NOWHERE);
    assert_eq!(receive(&mut tracker, 2, &envelope(3)), Verdict::Apply(INPUT), "both have it");
    assert_eq!(receive(&mut tracker, 3, &envelope(4)), Verdict::Drop);
    assert_eq!(receive(&mut tracker, 4, &given_in(CHILD, envelope(4))), Verdict::Apply(INPUT));
    assert_eq!(receive(&mut tracker, 5, &envelope(5)), Verdict::Drop);
    assert_eq!(receive(&mut tracker, 6, &head(9)), Verdict::Drop, "the head of a history that is over");
}

#[test]
fn a_gap_in_front_of_a_forgotten_message_is_none() {
    let mut tracker = applied(2);
    assert_eq!(receive(&mut tracker, 2, &envelope(5)), Verdict::Hold);
    assert!(matches!(state(&tracker), Some(Standstill::Missing { first: 3, last: 4 })));
    assert_eq!(tell(&mut tracker, &[(HISTORY, 0), (CHILD, 2)]), [2]);
    assert_eq!(receive(&mut tracker, 2, &envelope(5)), Verdict::Drop);
    assert_eq!(state(&tracker), None);
}

#[test]
fn what_is_scheduled_and_forgotten_is_taken_back() {
    let mut tracker = applied(1);
    for sequence in 2..=4 {
        assert_eq!(receive(&mut tracker, sequence - 1, &envelope(sequence)), Verdict::Apply(INPUT));
    }
    tell(&mut tracker, &[(HISTORY, 0), (CHILD, 2)]);
    let mut pending: Vec<Incoming> = (2..=4).map(|sequence| message(sequence - 1, sequence)).collect();
    pending.retain(|message| !tracker.take_back_forgotten(message));
    assert_eq!(pending.len(), 1);
    assert_eq!(state(&tracker), None, "nothing is lost that was applied");
    assert_eq!(receive(&mut tracker, 4, &given_in(CHILD, envelope(3))), Verdict::Apply(INPUT));
}

#[test]
fn every_link_counts_and_the_lowest_start_decides() {
    let chain = [(HISTORY, 0), (CHILD, 2), (GRANDCHILD, 5)];
    let mut tracker = applied(3);
    tell(&mut tracker, &chain);
    assert_eq!(state(&tracker), Some(Standstill::Forgotten(Forgotten { kept: 2, incarnation: GRANDCHILD })));
    let mut tracker = applied(2);
    tell(&mut tracker, &chain);
    for sequence in 3..=5 {
        assert_eq!(
            receive(&mut tracker, sequence, &given_in(CHILD, envelope(sequence))),
            Verdict::Apply(INPUT)
        );
    }
    assert_eq!(receive(&mut tracker, 6, &given_in(CHILD, envelope(6))), Verdict::Drop);
    assert_eq!(receive(&mut tracker, 7, &given_in(GRANDCHILD, envelope(6))), Verdict::Apply(INPUT));
}

#[test]
fn a_source_that_does_not_descend_from_what_was_applied_stops_the_lane() {
    let mut tracker = applied(1);
    assert_eq!(receive(&mut tracker, 1, &given_in(STRANGER, envelope(2))), Verdict::Doubt);
    tell(&mut tracker, &[(STRANGER, 0)]);
    assert_eq!(state(&tracker), Some(Standstill::Stopped));
    assert!(tracker.stopped()[0].contains("does not descend"), "{:?}", tracker.stopped());
}

#[test]
fn a_message_of_a_history_that_its_source_never_had_holds_the_lane() {
    let mut tracker = applied(1);
    assert_eq!(receive(&mut tracker, 1, &given_in(STRANGER, envelope(2))), Verdict::Doubt);
    assert_eq!(tell(&mut tracker, &[(HISTORY, 0)]), NOWHERE);
    let [doubt] = &tracker.in_doubt()[..] else { panic!("{tracker:?}") };
    assert!(doubt.is_denied && doubt.reason.contains("never had that one"), "{doubt:?}");
    assert_eq!(receive(&mut tracker, 2, &envelope(2)), Verdict::Hold);
    // The one that was asked had not heard of it yet.
    assert_eq!(tell(&mut tracker, &[(HISTORY, 0), (STRANGER, 1)]), [1]);
    assert_eq!(receive(&mut tracker, 1, &given_in(STRANGER, envelope(2))), Verdict::Apply(INPUT));
}

#[test]
fn a_head_of_a_history_that_is_new_asks_for_it() {
    let mut tracker = applied(2);
    assert_eq!(receive(&mut tracker, 2, &given_in(CHILD, head(1))), Verdict::Doubt, "although it is below");
    tell(&mut tracker, &[(HISTORY, 0), (CHILD, 1)]);
    assert_eq!(state(&tracker), Some(Standstill::Forgotten(Forgotten { kept: 1, incarnation: CHILD })));
}

#[test]
fn what_was_told_is_remembered_when_a_partition_comes_back() {
    let mut tracker = applied(2);
    tell(&mut tracker, &[(HISTORY, 0), (CHILD, 2)]);
    tracker.lose(3);
    let come_back = |tracker: &mut Tracker, sequence| {
        let mark = Mark { input: INPUT, source: "orders".into(), sequence, incarnation: Some(HISTORY) };
        let marks = vec![mark];
        tracker
            .gain(3, vec![Position { row: 1, topic: &ORDERS_EVENTS, topic_id: None, next_offset: 2, marks }]);
    };
    come_back(&mut tracker, 2);
    assert_eq!(receive(&mut tracker, 2, &envelope(3)), Verdict::Drop);
    assert_eq!(receive(&mut tracker, 3, &given_in(CHILD, envelope(3))), Verdict::Apply(INPUT));
    tracker.lose(3);
    come_back(&mut tracker, 3);
    assert!(matches!(state(&tracker), Some(Standstill::Forgotten(_))), "somebody else has applied more");
}

#[test]
fn a_step_says_from_which_history_to_which_one_it_leads() {
    let mut tracker = applied(1);
    tell(&mut tracker, &[(HISTORY, 0), (CHILD, 2)]);
    let next = given_in(CHILD, envelope(3));
    assert_eq!(receive(&mut tracker, 1, &envelope(2)), Verdict::Apply(INPUT));
    assert_eq!(receive(&mut tracker, 2, &next), Verdict::Apply(INPUT));
    let last = Incoming { envelope: next, ..message(2, 3) };
    let steps = tracker.steps(&[message(1, 2), last]);
    assert_eq!((steps[0].from_incarnation, steps[0].incarnation), (Some(HISTORY), CHILD));
}
