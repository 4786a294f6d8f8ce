use bowline_contracts::topics::ORDERS_EVENTS;
use chrono::DateTime;

use super::*;

const INPUT: InputId = 7;
const HISTORY: Uuid = Uuid::from_u128(1);

fn tracker() -> Tracker {
    let mut tracker = Tracker::default();
    let mark = Mark { input: INPUT, source: "orders".into(), sequence: 0, incarnation: None };
    let position =
        Position { row: 1, topic: &ORDERS_EVENTS, topic_id: None, next_offset: 0, marks: vec![mark] };
    tracker.gain(3, vec![position]);
    tracker
}

fn envelope(sequence: i64) -> Envelope {
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

fn head(sequence: i64) -> Envelope {
    Envelope { message_type: HEAD_TYPE.into(), ..envelope(sequence) }
}

fn receive(tracker: &mut Tracker, offset: i64, envelope: &Envelope) -> Verdict {
    tracker.receive(&ORDERS_EVENTS, 3, offset, envelope)
}

fn message(offset: i64, sequence: i64) -> Incoming {
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
fn commit(tracker: &mut Tracker, sequence: i64) {
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
fn another_history_stops_the_lane() {
    let mut tracker = tracker();
    assert_eq!(receive(&mut tracker, 0, &envelope(1)), Verdict::Apply(INPUT));
    let foreign = Envelope { incarnation: Uuid::from_u128(2), ..envelope(2) };
    assert!(matches!(receive(&mut tracker, 1, &foreign), Verdict::Stop(_)));
    assert_eq!(receive(&mut tracker, 2, &envelope(2)), Verdict::Hold);
    commit(&mut tracker, 1);
    assert_eq!(tracker.stored()[0].2, 1);
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
