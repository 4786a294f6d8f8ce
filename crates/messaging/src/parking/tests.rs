use bowline_contracts::envelope::Envelope;
use bowline_contracts::topics::ORDERS_EVENTS;
use bytes::Bytes;
use chrono::DateTime;

use super::*;

fn message(input: i32, sequence: i64, key: u128) -> Incoming {
    Incoming {
        input,
        topic: &ORDERS_EVENTS,
        partition: 3,
        offset: sequence,
        key: Uuid::from_u128(key),
        envelope: Envelope {
            id: Uuid::from_u128(9),
            source: "orders".into(),
            message_type: "bowline.orders.v1.OrderPlaced".into(),
            time: DateTime::UNIX_EPOCH,
            sequence,
            incarnation: Uuid::from_u128(1),
            causation: None,
            traceparent: None,
        },
        payload: Bytes::new(),
    }
}

#[test]
fn a_culprit_and_what_follows_of_its_key_on_any_lane_are_parked() {
    let messages = [message(1, 1, 7), message(2, 1, 7), message(1, 2, 7), message(1, 3, 8), message(2, 2, 7)];
    let culprit = Condemned::new(&messages[1], "bad".to_owned());
    let condemned = HashMap::from([(Uuid::from_u128(7), culprit)]);
    let parked = sort_out(&messages, &HashSet::new(), &condemned);
    assert_eq!(parked, BTreeMap::from([(1, Some("bad".to_owned())), (2, None), (4, None)]));
}

#[test]
fn behind_a_queue_even_a_culprit_only_queues() {
    let messages = [message(1, 1, 7), message(1, 2, 8)];
    let condemned = HashMap::from([(Uuid::from_u128(7), Condemned::new(&messages[0], "bad".to_owned()))]);
    let queued = HashSet::from([Uuid::from_u128(7)]);
    assert_eq!(sort_out(&messages, &queued, &condemned), BTreeMap::from([(0, None)]));
}

#[test]
fn causes_leave_out_what_differs_from_message_to_message() {
    let message = message(1, 1, 7);
    let reason = "order 0190f2a1-0000-7000-8000-000000000001 was 12 short";
    assert_eq!(cause_of(&message, reason), "bowline.orders.v1.OrderPlaced: order # was # short");
}
