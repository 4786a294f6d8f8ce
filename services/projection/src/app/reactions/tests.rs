use bowline_contracts::envelope::Envelope;
use bowline_contracts::events::Published;
use bowline_contracts::{common, convert, inventory, orders, payment};
use bowline_kernel::{Currency, Money};
use bowline_projection_domain::{Attempts, OrderStatus};
use chrono::DateTime;

use super::*;

const ORDER: Uuid = Uuid::from_u128(7);

fn incoming<M: Published>(event: &M) -> Incoming {
    Incoming {
        input: 0,
        topic: M::topic(),
        partition: 0,
        offset: 0,
        key: ORDER,
        envelope: Envelope {
            id: Uuid::from_u128(1),
            source: M::topic().owner.to_owned(),
            message_type: M::TYPE.to_owned(),
            time: DateTime::UNIX_EPOCH,
            sequence: 1,
            incarnation: Uuid::nil(),
            causation: None,
            traceparent: None,
        },
        payload: event.encode_to_vec().into(),
    }
}

fn epoch() -> prost_types::Timestamp {
    convert::timestamp(DateTime::UNIX_EPOCH)
}

fn reason_of<M: Published>(event: &M) -> String {
    public_event(&incoming(event)).expect_err("it cannot be read").to_string()
}

#[test]
fn a_finished_order_names_its_end() {
    let finished = orders::v1::OrderFinished {
        order_id: ORDER.to_string(),
        status: orders::v1::OrderStatus::Confirmed.into(),
        finished_time: Some(epoch()),
        ..Default::default()
    };
    let expected = PublicEvent::OrderFinished {
        status: OrderStatus::Confirmed,
        cancel_reason: None,
        finished_at: DateTime::UNIX_EPOCH,
    };
    assert_eq!(public_event(&incoming(&finished)).unwrap(), Some(expected));
}

#[test]
fn a_void_of_nothing_may_have_no_currency() {
    let voided = |amount: Option<common::v1::Money>| {
        let (order_id, voided_time) = (ORDER.to_string(), Some(epoch()));
        let event = payment::v1::PaymentVoided { order_id, amount, voided_time, ..Default::default() };
        public_event(&incoming(&event)).unwrap().unwrap()
    };
    let expected = |amount| PublicEvent::PaymentVoided {
        amount,
        voided_at: DateTime::UNIX_EPOCH,
        attempts: Attempts::default(),
    };
    assert_eq!(voided(None), expected(None));
    assert_eq!(voided(Some(common::v1::Money::default())), expected(None));
    let five = Money::new(5, Currency::GBP);
    assert_eq!(voided(Some(convert::money(five))), expected(Some(five)));
}

#[test]
fn how_often_the_provider_was_called_is_read_and_may_be_missing() {
    let declined = |attempts, last_failure: &str| {
        let event = payment::v1::PaymentDeclined {
            order_id: ORDER.to_string(),
            reason: "card_lost".into(),
            declined_time: Some(epoch()),
            attempts,
            last_failure: last_failure.into(),
        };
        match public_event(&incoming(&event)).unwrap().unwrap() {
            PublicEvent::PaymentDeclined { attempts, .. } => attempts,
            other => panic!("{other:?}"),
        }
    };
    let attempts = Attempts { count: 3, last_failure: "timed_out".into() };
    assert_eq!(declined(3, "timed_out"), attempts);
    assert_eq!(declined(0, ""), Attempts::default());
}

#[test]
fn what_cannot_be_read_is_named() {
    let order_id = ORDER.to_string();
    let committed =
        inventory::v1::StockCommitted { order_id: order_id.clone(), units: 1, ..Default::default() };
    assert_eq!(reason_of(&committed), "committed_time must be a time");
    let cancelled = orders::v1::OrderCancelled { order_id, reason: 99, cancelled_time: Some(epoch()) };
    assert_eq!(reason_of(&cancelled), "reason must be a reason that this build knows");
    let about = |order_id: String| orders::v1::OrderConfirmed { order_id, ..Default::default() };
    let another = Uuid::from_u128(8);
    let foreign = reason_of(&about(another.to_string()));
    assert_eq!(foreign, format!("it is about order {another}, which is not its key"));
    // Whatever stands there is not repeated.
    assert_eq!(reason_of(&about("another".into())), "order_id must be a hyphenated UUID");
    let mut torn = incoming(&orders::v1::OrderConfirmed::default());
    torn.payload = vec![0xff].into();
    let reason = public_event(&torn).expect_err("no protobuf").to_string();
    assert!(reason.starts_with("its payload is no bowline.orders.v1.OrderConfirmed: "), "{reason}");
}

#[test]
fn a_type_of_a_newer_build_is_passed_over() {
    let mut newer = incoming(&orders::v1::OrderConfirmed::default());
    newer.envelope.message_type = "bowline.orders.v1.OrderFramed".to_owned();
    assert!(matches!(public_event(&newer), Ok(None)));
    assert!(!concerns("bowline.orders.v1.OrderFramed"));
    assert!(concerns("bowline.payment.v1.PaymentVoided"));
}
