use bowline_kernel::{Currency, Money};
use bowline_orders_domain::CancelReason;

use super::*;
use crate::payments::Side;

const OWN: &str = "ch_0000000001";

fn side(minor: i64) -> Side {
    Side { minor, currency: (minor != 0).then_some("GBP") }
}

/// A charge as the provider shows it, in pence.
fn charge(id: &str, held: u64, settled: u64, released: u64) -> Charge {
    let amount = |minor: u64| serde_json::json!({ "value": format!("{}.{:02}", minor / 100, minor % 100), "iso": "GBP" });
    let document = serde_json::json!({
        "id": id, "merchant_reference": "o", "state": "settled", "reason": null, "asked": amount(held),
        "held": amount(held), "settled": amount(settled), "released": amount(released),
        "outstanding": amount(held - settled - released),
    });
    serde_json::from_value(document).unwrap()
}

/// A confirmed order of 1.00 GBP about which everybody agrees.
fn confirmed() -> Sight {
    let order = Order { outcome: Some(Outcome::Confirmed), total: Money::new(100, Currency::GBP), units: 2 };
    let stored = serde_json::json!({ "state": "committed", "lines": [["A", 2]] });
    let payment = Payment { authorized: side(100), captured: side(100), voided: side(0), open: false };
    Sight {
        order: Some(OrderSight { version: 5, order: Ok(order), settled: true }),
        reservation: Some(ReservationSight {
            state: "committed".into(),
            recorded_at: DateTime::UNIX_EPOCH,
            stored: Ok(serde_json::from_value(stored).unwrap()),
        }),
        payment: Some(PaymentSight { version: 4, payment: Ok(payment), charge: Some(OWN.into()) }),
        charges: vec![charge(OWN, 100, 100, 0)],
    }
}

fn kinds(sight: &Sight) -> Vec<Kind> {
    sight.findings().iter().map(Finding::kind).collect()
}

fn with(change: impl FnOnce(&mut Sight)) -> Vec<Kind> {
    let mut sight = confirmed();
    change(&mut sight);
    kinds(&sight)
}

fn order(sight: &mut Sight) -> &mut OrderSight {
    sight.order.as_mut().unwrap()
}

#[test]
fn what_agrees_has_no_finding_and_what_is_not_at_rest_is_not_judged() {
    assert_eq!(kinds(&confirmed()), []);
    let nothing_else = |sight: &mut Sight| {
        (sight.reservation, sight.payment, sight.charges) = (None, None, Vec::new());
    };
    assert_eq!(with(nothing_else), [Kind::Reservation, Kind::Payment]);
    let touched = with(|sight| {
        nothing_else(sight);
        order(sight).settled = false;
    });
    assert_eq!(touched, []);
    let unfinished = with(|sight| {
        nothing_else(sight);
        order(sight).order.as_mut().unwrap().outcome = None;
    });
    assert_eq!(unfinished, []);
}

#[test]
fn each_party_is_held_against_the_order() {
    assert_eq!(
        with(|sight| sight.reservation.as_mut().unwrap().state = "reserved".into()),
        [Kind::Reservation]
    );
    assert_eq!(with(|sight| order(sight).order.as_mut().unwrap().units = 3), [Kind::Reservation]);
    assert_eq!(with(|sight| sight.charges[0] = charge(OWN, 100, 0, 0)), [Kind::Provider]);
    assert_eq!(with(|sight| sight.charges.clear()), [Kind::Provider]);
    assert_eq!(with(|sight| order(sight).order = Err("broken".into())), [Kind::History]);
    let cancelled = with(|sight| {
        order(sight).order.as_mut().unwrap().outcome = Some(Outcome::Cancelled(CancelReason::Customer));
    });
    assert_eq!(cancelled, [Kind::Reservation, Kind::Payment]);
    let open = with(|sight| {
        sight.payment.as_mut().unwrap().payment.as_mut().unwrap().open = true;
    });
    assert_eq!(open, [Kind::Payment]);
}

#[test]
fn what_orders_does_not_know_is_a_stray() {
    let lost = |change: fn(&mut Sight)| {
        with(|sight| {
            sight.order = None;
            change(sight);
        })
    };
    assert_eq!(lost(|_| {}), [Kind::StrayReservation, Kind::StrayPayment]);
    assert_eq!(lost(|sight| (sight.reservation, sight.payment) = (None, None)), [Kind::StrayCharge]);
    let nothing = lost(|sight| (sight.reservation, sight.payment, sight.charges) = (None, None, Vec::new()));
    assert_eq!(nothing, []);
}

#[test]
fn a_second_charge_is_a_difference_until_it_is_let_go() {
    assert_eq!(with(|sight| sight.charges.push(charge("ch_0000000002", 100, 0, 0))), [Kind::Provider]);
    assert_eq!(with(|sight| sight.charges.push(charge("ch_0000000002", 100, 0, 100))), []);
    // Its own, if it was let go, is not what payment says.
    assert_eq!(with(|sight| sight.charges[0] = charge(OWN, 100, 0, 100)), [Kind::Provider]);
}
