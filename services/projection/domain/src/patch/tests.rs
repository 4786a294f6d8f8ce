use bowline_kernel::{Currency, Quantity};
use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::{Attempts, OrderView, Shortage, Source};

fn gbp(minor: i64) -> Money {
    Money::new(minor, Currency::GBP)
}

fn second(second: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn line(sku: &str, units: u32) -> OrderLine {
    OrderLine {
        sku: sku.parse().unwrap(),
        name: format!("name of {sku}"),
        quantity: Quantity::new(units).unwrap(),
        unit_price: gbp(100),
    }
}

fn placed() -> PublicEvent {
    PublicEvent::OrderPlaced {
        customer_id: "17850".parse().unwrap(),
        country: "France".to_owned(),
        lines: vec![line("A", 2), line("B", 3)],
        total: gbp(500),
        placed_at: second(1),
    }
}

/// The view after `placed` alone, to be changed by what else a test folds.
fn pending() -> OrderView {
    OrderView {
        customer_id: "17850".parse().unwrap(),
        country: "France".to_owned(),
        lines: vec![line("A", 2), line("B", 3)],
        item_count: 5,
        total: gbp(500),
        status: OrderStatus::Pending,
        cancel_reason: None,
        stock_status: None,
        stock_at: None,
        payment_state: None,
        payment_at: None,
        payment_failure: None,
        authorized: gbp(0),
        captured: gbp(0),
        voided: gbp(0),
        placed_at: second(1),
        confirmed_at: None,
        cancelled_at: None,
        finished_at: None,
    }
}

#[test]
fn a_placed_order_is_pending() {
    let view = Patch::fold(&[placed()]).view().unwrap();
    assert_eq!(view, pending());
    assert!(!view.finished());
}

#[test]
fn an_order_is_hidden_until_it_is_placed() {
    let early = [
        PublicEvent::StockReserved { units: 5, lines: 2, reserved_at: second(2) },
        PublicEvent::PaymentAuthorized {
            amount: gbp(500),
            authorized_at: second(3),
            attempts: Attempts::default(),
        },
    ];
    let row = Patch::fold(&early);
    assert_eq!(row.clone().view(), None);
    let view = row.merge(Patch::from(&placed())).view().unwrap();
    let expected = OrderView {
        stock_status: Some(StockStatus::Reserved),
        stock_at: Some(second(2)),
        payment_state: Some(PaymentState::Authorized),
        payment_at: Some(second(3)),
        authorized: gbp(500),
        ..pending()
    };
    assert_eq!(view, expected);
}

#[test]
fn a_confirmed_order_is_sold_and_captured() {
    let view = Patch::fold(&[
        placed(),
        PublicEvent::StockReserved { units: 5, lines: 2, reserved_at: second(2) },
        PublicEvent::PaymentAuthorized {
            amount: gbp(500),
            authorized_at: second(3),
            attempts: Attempts::default(),
        },
        PublicEvent::OrderConfirmed { confirmed_at: second(4) },
        PublicEvent::StockCommitted { units: 5, committed_at: second(5) },
        PublicEvent::PaymentCaptured {
            amount: gbp(500),
            captured_at: second(6),
            attempts: Attempts::default(),
        },
        PublicEvent::OrderFinished {
            status: OrderStatus::Confirmed,
            cancel_reason: None,
            finished_at: second(7),
        },
    ])
    .view()
    .unwrap();
    let expected = OrderView {
        status: OrderStatus::Confirmed,
        stock_status: Some(StockStatus::Committed),
        stock_at: Some(second(5)),
        payment_state: Some(PaymentState::Captured),
        payment_at: Some(second(6)),
        authorized: gbp(500),
        captured: gbp(500),
        confirmed_at: Some(second(4)),
        finished_at: Some(second(7)),
        ..pending()
    };
    assert_eq!(view, expected);
    assert!(view.finished());
}

#[test]
fn a_failed_capture_cancels_a_confirmed_order_and_keeps_its_history() {
    let view = Patch::fold(&[
        placed(),
        PublicEvent::PaymentAuthorized {
            amount: gbp(500),
            authorized_at: second(3),
            attempts: Attempts::default(),
        },
        PublicEvent::OrderConfirmed { confirmed_at: second(4) },
        PublicEvent::PaymentCaptureFailed {
            reason: "expired_card".to_owned(),
            failed_at: second(5),
            attempts: Attempts::default(),
        },
        PublicEvent::PaymentVoided {
            amount: Some(gbp(500)),
            voided_at: second(6),
            attempts: Attempts::default(),
        },
        PublicEvent::OrderCancelled { reason: CancelReason::CaptureFailed, cancelled_at: second(7) },
        PublicEvent::StockRestocked { units: 5, restocked_at: second(8) },
    ])
    .view()
    .unwrap();
    let expected = OrderView {
        status: OrderStatus::Cancelled,
        cancel_reason: Some(CancelReason::CaptureFailed),
        stock_status: Some(StockStatus::Restocked),
        stock_at: Some(second(8)),
        payment_state: Some(PaymentState::Voided),
        payment_at: Some(second(6)),
        payment_failure: Some("expired_card".to_owned()),
        authorized: gbp(500),
        voided: gbp(500),
        confirmed_at: Some(second(4)),
        cancelled_at: Some(second(7)),
        ..pending()
    };
    assert_eq!(view, expected);
}

#[test]
fn what_undoes_nothing_is_told_as_well() {
    let row = Patch::fold(&[
        PublicEvent::StockReleased { units: 0, released_at: second(2) },
        PublicEvent::PaymentVoided { amount: None, voided_at: second(3), attempts: Attempts::default() },
    ]);
    assert_eq!(row.inventory.stock_status, Some(StockStatus::Released));
    assert_eq!(row.payment.payment_state, Some(PaymentState::Voided));
    assert_eq!((row.payment.authorized_minor, row.payment.voided_minor), (None, Some(0)));
}

#[test]
fn rejections_and_declines_are_told() {
    let shortage = Shortage { sku: "A".parse().unwrap(), missing: Quantity::new(1).unwrap() };
    let row = Patch::fold(&[
        PublicEvent::StockRejected { shortages: vec![shortage], rejected_at: second(2) },
        PublicEvent::PaymentDeclined {
            reason: "insufficient_funds".to_owned(),
            declined_at: second(3),
            attempts: Attempts::default(),
        },
    ]);
    assert_eq!(row.inventory.stock_status, Some(StockStatus::Rejected));
    assert_eq!(row.payment.payment_state, Some(PaymentState::Declined));
    assert_eq!(row.payment.payment_failure.as_deref(), Some("insufficient_funds"));
}

#[test]
fn the_stored_form_of_a_line_is_stable() {
    let json = r#"{"sku":"A","name":"name of A","quantity":2,"unit_price":{"minor":100,"currency":"GBP"}}"#;
    assert_eq!(serde_json::to_string(&line("A", 2)).unwrap(), json);
    assert_eq!(serde_json::from_str::<OrderLine>(json).unwrap(), line("A", 2));
}

/// Any event, of amounts and times that differ enough to tell which of two was folded last.
fn event() -> impl Strategy<Value = PublicEvent> {
    let reason = prop::sample::select(CancelReason::ALL);
    let status = prop::sample::select(OrderStatus::ALL);
    (0..14_u8, 0..1_000_i64, reason, status).prop_map(|(kind, number, reason, status)| {
        let (at, amount) = (second(number), gbp(number));
        let units = number.unsigned_abs();
        match kind {
            0 => placed(),
            1 => PublicEvent::OrderConfirmed { confirmed_at: at },
            2 => PublicEvent::OrderCancelled { reason, cancelled_at: at },
            3 => PublicEvent::OrderFinished { status, cancel_reason: Some(reason), finished_at: at },
            4 => PublicEvent::StockReserved { units, lines: 1, reserved_at: at },
            5 => PublicEvent::StockRejected { shortages: vec![], rejected_at: at },
            6 => PublicEvent::StockCommitted { units, committed_at: at },
            7 => PublicEvent::StockReleased { units, released_at: at },
            8 => PublicEvent::StockRestocked { units, restocked_at: at },
            9 => PublicEvent::PaymentAuthorized { amount, authorized_at: at, attempts: Attempts::default() },
            10 => PublicEvent::PaymentDeclined {
                reason: number.to_string(),
                declined_at: at,
                attempts: Attempts::default(),
            },
            11 => PublicEvent::PaymentCaptured { amount, captured_at: at, attempts: Attempts::default() },
            12 => PublicEvent::PaymentCaptureFailed {
                reason: number.to_string(),
                failed_at: at,
                attempts: Attempts::default(),
            },
            _ => PublicEvent::PaymentVoided {
                amount: Some(amount),
                voided_at: at,
                attempts: Attempts::default(),
            },
        }
    })
}

fn events() -> impl Strategy<Value = Vec<PublicEvent>> {
    prop::collection::vec(event(), 0..30)
}

/// The events of `history` in another interleaving: `turns` says whose turn it is, each source keeps its order.
fn interleave(history: &[PublicEvent], turns: &[Source]) -> Vec<PublicEvent> {
    let lane = |source| history.iter().filter(move |event| event.source() == source);
    let mut lanes: Vec<_> = Source::ALL.iter().map(|source| (*source, lane(*source))).collect();
    let mut take = |turn: Source| {
        lanes.iter_mut().filter(|(source, _)| *source == turn).find_map(|(_, lane)| lane.next()).cloned()
    };
    turns.iter().filter_map(|turn| take(*turn)).collect()
}

fn two_interleavings() -> impl Strategy<Value = (Vec<PublicEvent>, Vec<PublicEvent>)> {
    events().prop_flat_map(|history| {
        let turns: Vec<_> = history.iter().map(PublicEvent::source).collect();
        Just(turns).prop_shuffle().prop_map(move |turns| (history.clone(), interleave(&history, &turns)))
    })
}

proptest! {
    #[test]
    fn the_interleaving_of_sources_does_not_matter((history, other) in two_interleavings()) {
        prop_assert_eq!(history.len(), other.len());
        prop_assert_eq!(Patch::fold(&history), Patch::fold(&other));
    }

    #[test]
    fn merging_is_associative_and_batches_do_not_matter(
        history in events(),
        cuts in any::<[prop::sample::Index; 2]>(),
    ) {
        let mut cuts = cuts.map(|cut| cut.index(history.len() + 1));
        cuts.sort_unstable();
        let (a, b, c) = (&history[..cuts[0]], &history[cuts[0]..cuts[1]], &history[cuts[1]..]);
        let [a, b, c] = [a, b, c].map(Patch::fold);
        let left = a.clone().merge(b.clone()).merge(c.clone());
        let right = a.merge(b.merge(c));
        prop_assert_eq!(&left, &right);
        prop_assert_eq!(left, Patch::fold(&history));
    }

    #[test]
    fn an_empty_patch_changes_nothing(history in events()) {
        let row = Patch::fold(&history);
        prop_assert_eq!(row.clone().merge(Patch::default()), row.clone());
        prop_assert_eq!(Patch::default().merge(row.clone()), row);
    }

    #[test]
    fn an_order_is_shown_exactly_when_it_was_placed(history in events()) {
        let was_placed = history.iter().any(|event| matches!(event, PublicEvent::OrderPlaced { .. }));
        prop_assert_eq!(Patch::fold(&history).view().is_some(), was_placed);
    }

    #[test]
    fn folding_a_tail_again_changes_nothing(history in events(), from in any::<prop::sample::Index>()) {
        let tail = &history[from.index(history.len() + 1)..];
        let row = Patch::fold(&history);
        prop_assert_eq!(row.clone().merge(Patch::fold(tail)), row);
    }
}
