use bowline_contracts::envelope::HEAD_TYPE;
use bowline_contracts::topics::ORDERS_EVENTS;
use chrono::DateTime;
use uuid::Uuid;

use super::*;
use crate::inbox::Mark;

pub(super) const INPUT: InputId = 7;
pub(super) const HISTORY: Uuid = Uuid::from_u128(1);

pub(super) fn tracker() -> Tracker {
    let mut tracker = Tracker::default();
    let mark = Mark { input: INPUT, source: "orders".into(), sequence: 0, incarnation: None };
    let position =
        Position { row: 1, topic: &ORDERS_EVENTS, topic_id: None, next_offset: 0, marks: vec![mark] };
    tracker.gain(3, vec![position]);
    tracker
}

pub(super) fn envelope(sequence: i64) -> Envelope {
    Envelope {
        id: Uuid::from_u128(9),
        source: "orders".into(),
        message_type: "bowline.orders.v1.OrderPlaced".into(),
        time: DateTime::UNIX_EPOCH,
        sequence,
        incarnation: HISTORY,
        causation: None,
        traceparent: None,
    }
}

pub(super) fn head(sequence: i64) -> Envelope {
    Envelope { message_type: HEAD_TYPE.into(), ..envelope(sequence) }
}

pub(super) fn receive(tracker: &mut Tracker, offset: i64, envelope: &Envelope) -> Verdict {
    tracker.receive(&ORDERS_EVENTS, 3, offset, envelope)
}

pub(super) fn message(offset: i64, sequence: i64) -> Incoming {
    Incoming {
        input: INPUT,
        topic: &ORDERS_EVENTS,
        partition: 3,
        offset,
        key: Uuid::nil(),
        envelope: envelope(sequence),
        payload: bytes::Bytes::new(),
    }
}

/// Commits everything up to `sequence`.
pub(super) fn commit(tracker: &mut Tracker, sequence: i64) {
    let steps = tracker.steps(&[message(0, sequence)]);
    let positions = tracker.positions();
    tracker.confirm(&steps, &positions);
}

#[test]
fn sequences_are_applied_once_and_in_order() {
    let mut tracker = tracker();
    assert_eq!(receive(&mut tracker, 0, &envelope(1)), Verdict::Apply(INPUT));
    assert_eq!(receive(&mut tracker, 1, &envelope(2)), Verdict::Apply(INPUT));
    assert_eq!(receive(&mut tracker, 2, &envelope(1)), Verdict::Drop);
    assert_eq!(receive(&mut tracker, 3, &envelope(2)), Verdict::Drop);
    commit(&mut tracker, 2);
    assert_eq!(receive(&mut tracker, 4, &envelope(2)), Verdict::Drop);
    assert_eq!(tracker.stored()[0].2, 4, "offset 4 has not been part of a batch yet");
}

#[test]
fn a_gap_holds_the_lane_and_its_position_until_the_missing_message_comes() {
    let mut tracker = tracker();
    assert_eq!(receive(&mut tracker, 0, &envelope(1)), Verdict::Apply(INPUT));
    assert_eq!(receive(&mut tracker, 1, &envelope(3)), Verdict::Hold);
    assert_eq!(receive(&mut tracker, 2, &envelope(4)), Verdict::Hold);
    commit(&mut tracker, 1);
    assert_eq!(tracker.stored()[0].2, 1, "never past a message that is not applied");
    assert_eq!(receive(&mut tracker, 3, &envelope(2)), Verdict::ApplyAndReread(INPUT, 1));
    let again = tracker.reread(&ORDERS_EVENTS, 3, 1).unwrap();
    assert!(tracker.expects(&ORDERS_EVENTS, 3, again.generation));
    assert_eq!(receive(&mut tracker, 1, &envelope(3)), Verdict::Apply(INPUT));
    assert_eq!(receive(&mut tracker, 2, &envelope(4)), Verdict::Apply(INPUT));
    assert_eq!(receive(&mut tracker, 3, &envelope(2)), Verdict::Drop);
    commit(&mut tracker, 4);
    assert_eq!(tracker.stored()[0].2, 4);
}

#[test]
fn an_announced_head_shows_that_the_last_message_is_lost() {
    let mut tracker = tracker();
    assert_eq!(receive(&mut tracker, 0, &envelope(1)), Verdict::Apply(INPUT));
    assert_eq!(receive(&mut tracker, 1, &head(1)), Verdict::Drop);
    assert_eq!(receive(&mut tracker, 2, &head(2)), Verdict::Hold);
    assert_eq!(receive(&mut tracker, 3, &envelope(2)), Verdict::ApplyAndReread(INPUT, 2));
}

#[test]
fn an_announcement_is_never_applied_itself() {
    let mut tracker = tracker();
    assert_eq!(receive(&mut tracker, 0, &head(1)), Verdict::Hold);
    assert_eq!(tracker.positions(), [], "reading begins at the announcement again");
}

#[test]
fn a_lane_stops_in_front_of_a_message_that_cannot_be_applied() {
    let mut tracker = tracker();
    for (offset, sequence) in [(0, 1), (1, 2), (2, 3)] {
        assert_eq!(receive(&mut tracker, offset, &envelope(sequence)), Verdict::Apply(INPUT));
    }
    tracker.stop(&message(1, 2), "it is poison");
    assert_eq!(tracker.stopped(), ["orders.events.v1/3: orders behind sequence 1: it is poison"]);
    assert_eq!(tracker.positions()[0].next_offset, 1);
    commit(&mut tracker, 1);
    assert_eq!(receive(&mut tracker, 3, &envelope(2)), Verdict::Hold);
}

#[test]
fn an_unknown_source_stops_the_whole_partition() {
    let mut tracker = tracker();
    let stranger = Envelope { source: "somebody".into(), ..envelope(1) };
    assert!(matches!(receive(&mut tracker, 5, &stranger), Verdict::Stop(_)));
    assert_eq!(receive(&mut tracker, 6, &envelope(1)), Verdict::Hold);
    assert_eq!(tracker.positions()[0].next_offset, 5);
    assert_eq!(
        tracker.stopped(),
        ["orders.events.v1/3: every source from offset 5: source somebody is not registered for this topic"]
    );
}

#[test]
fn what_an_earlier_assignment_read_is_not_expected() {
    let mut tracker = tracker();
    assert!(tracker.expects(&ORDERS_EVENTS, 3, 1));
    tracker.reread(&ORDERS_EVENTS, 3, 0).unwrap();
    assert!(!tracker.expects(&ORDERS_EVENTS, 3, 1));
    assert_eq!(tracker.lose(3).len(), 1);
    assert!(!tracker.expects(&ORDERS_EVENTS, 3, 2));
}

/// What the lane waits for: behind which sequence, up to which one, and what its source must know.
fn missing(tracker: &Tracker) -> Option<(i64, i64, i64)> {
    tracker.missing_of(INPUT).map(|missing| (missing.after, missing.up_to, missing.seen))
}

#[test]
fn what_the_source_brings_fills_the_gap_and_what_waited_is_read_again() {
    let mut tracker = tracker();
    assert_eq!(receive(&mut tracker, 0, &envelope(1)), Verdict::Apply(INPUT));
    assert_eq!(receive(&mut tracker, 1, &envelope(5)), Verdict::Hold);
    assert_eq!(receive(&mut tracker, 2, &envelope(4)), Verdict::Hold);
    assert_eq!(missing(&tracker), Some((1, 3, 4)));
    assert_eq!(tracker.heal(INPUT, &envelope(1)).0, Verdict::Drop);
    assert_eq!(tracker.heal(INPUT, &envelope(3)).0, Verdict::Hold, "the answer to another question");
    assert_eq!(tracker.heal(INPUT, &envelope(2)), (Verdict::Apply(INPUT), 1));
    assert_eq!(tracker.close_gap(INPUT), None, "there is more to come");
    assert_eq!(tracker.heal(INPUT, &envelope(3)), (Verdict::Apply(INPUT), 1));
    assert_eq!(missing(&tracker), None);
    commit(&mut tracker, 3);
    assert_eq!(tracker.stored()[0].2, 1, "never past a message that is not applied");
    assert_eq!(tracker.close_gap(INPUT).unwrap().offset, 1);
    for (offset, sequence) in [(1, 5), (2, 4)] {
        let expected = if sequence == 4 { Verdict::ApplyAndReread(INPUT, 1) } else { Verdict::Hold };
        assert_eq!(receive(&mut tracker, offset, &envelope(sequence)), expected);
    }
}

#[test]
fn lost_last_messages_show_once_the_topic_has_been_read_to_its_end() {
    let mut tracker = tracker();
    assert_eq!(receive(&mut tracker, 0, &envelope(1)), Verdict::Apply(INPUT));
    tracker.note_published(&ORDERS_EVENTS, 3, "orders", 3);
    assert_eq!(tracker.behind(), [(&ORDERS_EVENTS, 3)]);
    tracker.extends(&ORDERS_EVENTS, 3, 0, 2);
    assert_eq!(missing(&tracker), None, "offset 1 is still on its way");
    tracker.pass(&ORDERS_EVENTS, 3, 1);
    tracker.extends(&ORDERS_EVENTS, 3, 0, 2);
    assert_eq!(missing(&tracker), Some((1, 3, 3)));
    assert_eq!(tracker.behind(), [], "it is known what is missing");
    tracker.note_published(&ORDERS_EVENTS, 3, "orders", 4);
    assert_eq!(missing(&tracker), Some((1, 3, 3)), "what was published since then may come");
    for sequence in 2..=3 {
        assert_eq!(tracker.heal(INPUT, &envelope(sequence)), (Verdict::Apply(INPUT), 2));
    }
    assert_eq!((missing(&tracker), tracker.close_gap(INPUT)), (None, None));
    assert_eq!(receive(&mut tracker, 2, &envelope(4)), Verdict::Apply(INPUT));
}

#[test]
fn a_topic_that_has_lost_the_position_is_read_from_its_beginning() {
    let mut tracker = tracker();
    assert_eq!(receive(&mut tracker, 0, &envelope(1)), Verdict::Apply(INPUT));
    assert_eq!(receive(&mut tracker, 1, &envelope(3)), Verdict::Hold);
    let (assignment, lost) = tracker.begin_at(&ORDERS_EVENTS, 3, 5).unwrap();
    assert_eq!((assignment.offset, lost), (5, Some(2)));
    assert!(!tracker.expects(&ORDERS_EVENTS, 3, 1));
    commit(&mut tracker, 1);
    assert_eq!(tracker.stored()[0].2, 5, "what was held is not there any more");
    // The other direction: the topic has become shorter.
    assert_eq!(tracker.begin_at(&ORDERS_EVENTS, 3, 0).unwrap().1, Some(5));
    assert_eq!(receive(&mut tracker, 0, &envelope(3)), Verdict::Hold);
    assert_eq!(missing(&tracker), Some((1, 2, 3)));
}

#[test]
fn a_lane_that_is_given_up_keeps_its_place() {
    let mut tracker = tracker();
    assert_eq!(receive(&mut tracker, 0, &envelope(1)), Verdict::Apply(INPUT));
    tracker.stop_lane(INPUT, "its source has no more of it");
    assert_eq!(receive(&mut tracker, 1, &envelope(2)), Verdict::Hold);
    commit(&mut tracker, 1);
    assert_eq!(tracker.stored()[0].2, 1);
    assert_eq!((missing(&tracker), tracker.followed()), (None, Vec::new()));
    assert_eq!(
        tracker.stopped(),
        ["orders.events.v1/3: orders behind sequence 1: its source has no more of it"]
    );
}

#[test]
fn reading_goes_back_to_what_any_lane_holds() {
    let other = Mark { input: 8, source: "payment".into(), sequence: 0, incarnation: None };
    let own = Mark { input: INPUT, source: "orders".into(), sequence: 0, incarnation: None };
    let mut tracker = Tracker::default();
    let marks = vec![own, other];
    tracker.gain(3, vec![Position { row: 1, topic: &ORDERS_EVENTS, topic_id: None, next_offset: 0, marks }]);
    let others = Envelope { source: "payment".into(), ..envelope(2) };
    assert_eq!(receive(&mut tracker, 0, &others), Verdict::Hold);
    assert_eq!(receive(&mut tracker, 1, &envelope(2)), Verdict::Hold);
    assert_eq!(receive(&mut tracker, 2, &envelope(1)), Verdict::ApplyAndReread(INPUT, 1));
    assert_eq!(tracker.reread(&ORDERS_EVENTS, 3, 1).unwrap().offset, 0);
}
