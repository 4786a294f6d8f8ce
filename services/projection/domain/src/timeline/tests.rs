use bowline_kernel::{Currency, Money};
use chrono::TimeDelta;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::Attempts;

fn id(number: u64) -> EventId {
    EventId::new(Uuid::from_u64_pair(0x7000, 0x8000_0000_0000_0000 | number))
}

/// An entry caused by `cause` at `second`.
fn entry(number: u64, cause: Option<u64>, second: i64) -> TimelineEntry {
    let envelope = Envelope {
        event_id: id(number),
        event_type: "bowline.orders.v1.OrderConfirmed".to_owned(),
        causation_id: cause.map(id),
    };
    let confirmed_at = DateTime::UNIX_EPOCH + TimeDelta::seconds(second);
    TimelineEntry::new(envelope, &PublicEvent::OrderConfirmed { confirmed_at })
}

fn ids(entries: Vec<TimelineEntry>) -> Vec<EventId> {
    order_timeline(entries).into_iter().map(|entry| entry.event_id).collect()
}

#[test]
fn an_entry_says_what_its_event_and_its_message_say() {
    let envelope = Envelope {
        event_id: id(2),
        event_type: "bowline.payment.v1.PaymentVoided".to_owned(),
        causation_id: Some(id(1)),
    };
    let voided_at = DateTime::UNIX_EPOCH + TimeDelta::seconds(5);
    let amount = Some(Money::new(1_234, Currency::GBP));
    let entry = TimelineEntry::new(
        envelope,
        &PublicEvent::PaymentVoided {
            amount,
            voided_at,
            attempts: Attempts { count: 3, last_failure: "timed_out".to_owned() },
        },
    );
    assert_eq!(
        entry,
        TimelineEntry {
            event_id: id(2),
            source: Source::Payment,
            event_type: "bowline.payment.v1.PaymentVoided".to_owned(),
            causation_id: Some(id(1)),
            event_time: voided_at,
            summary: "voided 12.34 GBP after 3 attempts, the last failure: timed out".to_owned(),
            compensation: true,
            attempts: 3,
        }
    );
}

#[test]
fn a_cause_comes_first_even_when_its_clock_is_ahead() {
    let entries = vec![entry(3, Some(2), 1), entry(2, Some(1), 9), entry(1, None, 5), entry(4, None, 6)];
    assert_eq!(ids(entries), [id(1), id(4), id(2), id(3)]);
}

#[test]
fn without_a_cause_between_them_time_decides_then_the_id() {
    let entries = vec![entry(9, None, 2), entry(3, None, 1), entry(2, None, 2), entry(5, Some(3), 2)];
    assert_eq!(ids(entries), [id(3), id(2), id(5), id(9)]);
}

#[test]
fn a_cause_that_is_not_there_holds_nothing_back() {
    assert_eq!(ids(vec![entry(2, Some(77), 2), entry(1, Some(78), 3)]), [id(2), id(1)]);
}

#[test]
fn a_circle_is_opened_at_its_earliest_entry() {
    let circle = vec![entry(1, Some(3), 3), entry(2, Some(1), 1), entry(3, Some(2), 2), entry(4, Some(4), 9)];
    assert_eq!(ids(circle), [id(2), id(3), id(1), id(4)]);
}

#[test]
fn an_id_is_shown_once() {
    assert_eq!(ids(vec![entry(1, None, 1), entry(2, Some(1), 2), entry(1, None, 1)]), [id(1), id(2)]);
}

fn entries() -> impl Strategy<Value = Vec<TimelineEntry>> {
    prop::collection::vec((prop::option::of(0_u64..12), 0_i64..4), 0..10).prop_map(|entries| {
        (0..).zip(entries).map(|(number, (cause, second))| entry(number, cause, second)).collect()
    })
}

proptest! {
    #[test]
    fn nothing_is_lost_and_the_order_given_does_not_matter(
        (entries, shuffled) in
            entries().prop_flat_map(|given| (Just(given.clone()), Just(given).prop_shuffle())),
    ) {
        let ordered = order_timeline(entries.clone());
        prop_assert_eq!(ordered.len(), entries.len());
        prop_assert_eq!(order_timeline(shuffled), ordered);
    }

    #[test]
    fn causes_come_before_effects(
        parents in prop::collection::vec((any::<prop::sample::Index>(), 0_i64..4), 1..12),
    ) {
        // Causes have the smaller number, so there is no circle.
        let entries: Vec<_> = (0_u64..).zip(&parents).map(|(number, (parent, second))| {
            let cause = (number > 0).then(|| parent.index(usize::try_from(number).unwrap()) as u64);
            entry(number, cause, *second)
        }).collect();
        let ordered = ids(entries.clone());
        for entry in &entries {
            let place = |wanted| ordered.iter().position(|id| *id == wanted);
            if let Some(cause) = entry.causation_id {
                prop_assert!(place(cause) < place(entry.event_id));
            }
        }
    }
}
