use super::*;

fn pounds(value: &str) -> Amount {
    Amount::parse(value, "GBP").unwrap()
}

fn hold(reference: &str, token: &str, value: &str) -> Request {
    Request::Hold { merchant_reference: reference.to_owned(), token: token.to_owned(), amount: pounds(value) }
}

fn settle(charge: u64, value: Option<&str>) -> Request {
    Request::Settle { charge_id: ChargeId(charge), amount: value.map(pounds) }
}

fn release(charge: u64) -> Request {
    Request::Release { charge_id: ChargeId(charge) }
}

/// Applies requests under keys of their own and answers with the reasons of the refused ones.
fn replay(books: &mut Books, requests: Vec<Request>) -> Vec<Option<Reason>> {
    let mut reasons = Vec::new();
    for request in requests {
        let key = format!("key-{}", books.records.len());
        let Ok(Decision::New(record)) = books.decide(&key, request, |_| false) else {
            panic!("{key} is not new")
        };
        reasons.push(books.apply(record).unwrap().reason);
    }
    reasons
}

/// State, and held, settled, released, outstanding in pence.
fn stand(books: &Books, charge: u64) -> (ChargeState, [u64; 4]) {
    let charge = books.charge(ChargeId(charge)).unwrap();
    let amounts = [charge.held, charge.settled, charge.released, charge.outstanding].map(Amount::minor);
    assert_eq!(amounts[0], amounts[1] + amounts[2] + amounts[3], "a charge adds up");
    (charge.state, amounts)
}

/// Requests, why the last one was refused, and how the charge stands then.
type Case = (Vec<Request>, Option<Reason>, ChargeState, [u64; 4]);

fn check(cases: Vec<Case>) {
    for (requests, reason, state, amounts) in cases {
        let mut books = Books::default();
        let told = format!("{requests:?}");
        assert_eq!(replay(&mut books, requests).pop(), Some(reason), "{told}");
        assert_eq!(stand(&books, 1), (state, amounts), "{told}");
    }
}

#[test]
fn what_is_held_can_be_settled_and_released() {
    use ChargeState::{Held, Released, Settled};
    use Reason::{ExceedsHeld, NothingHeld};
    let held = || hold("order", "tok_visa", "10.00");
    check(vec![
        (vec![held()], None, Held, [1_000, 0, 0, 1_000]),
        (vec![held(), settle(1, None)], None, Settled, [1_000, 1_000, 0, 0]),
        (vec![held(), settle(1, Some("4"))], None, Held, [1_000, 400, 0, 600]),
        (vec![held(), settle(1, Some("4")), settle(1, Some("6"))], None, Settled, [1_000, 1_000, 0, 0]),
        (vec![held(), settle(1, Some("4")), release(1)], None, Settled, [1_000, 400, 600, 0]),
        (vec![held(), settle(1, Some("10.01"))], Some(ExceedsHeld), Held, [1_000, 0, 0, 1_000]),
        (
            vec![held(), settle(1, Some("4")), settle(1, Some("6.01"))],
            Some(ExceedsHeld),
            Held,
            [1_000, 400, 0, 600],
        ),
        (vec![held(), settle(1, None), settle(1, None)], Some(NothingHeld), Settled, [1_000, 1_000, 0, 0]),
        (vec![held(), settle(1, None), release(1)], Some(NothingHeld), Settled, [1_000, 1_000, 0, 0]),
        (vec![held(), release(1)], None, Released, [1_000, 0, 1_000, 0]),
        (vec![held(), release(1), release(1)], Some(NothingHeld), Released, [1_000, 0, 1_000, 0]),
        (vec![held(), release(1), settle(1, Some("1"))], Some(NothingHeld), Released, [1_000, 0, 1_000, 0]),
    ]);
}

#[test]
fn what_is_refused_holds_nothing_and_what_is_barred_can_only_be_released() {
    use ChargeState::{Held, Refused, Released};
    use Reason::{LostCard, NothingHeld, SettlementRefused};
    let declined = || hold("order", "tok_decline_lost_card", "10");
    let barred = || hold("order", "tok_capture_refused", "10");
    check(vec![
        (vec![declined()], Some(LostCard), Refused, [0, 0, 0, 0]),
        (vec![declined(), settle(1, None)], Some(NothingHeld), Refused, [0, 0, 0, 0]),
        (vec![declined(), settle(1, Some("1"))], Some(NothingHeld), Refused, [0, 0, 0, 0]),
        (vec![declined(), release(1)], Some(NothingHeld), Refused, [0, 0, 0, 0]),
        (vec![barred()], None, Held, [1_000, 0, 0, 1_000]),
        (vec![barred(), settle(1, None)], Some(SettlementRefused), Held, [1_000, 0, 0, 1_000]),
        (vec![barred(), settle(1, Some("1"))], Some(SettlementRefused), Held, [1_000, 0, 0, 1_000]),
        (vec![barred(), settle(1, None), release(1)], None, Released, [1_000, 0, 1_000, 0]),
    ]);
}

#[test]
fn a_settlement_once_drawn_to_be_refused_stays_refused() {
    let mut books = Books::default();
    replay(&mut books, vec![hold("order", "tok_visa", "10")]);
    let Ok(Decision::New(record)) = books.decide("drawn", settle(1, None), |reference| reference == "order")
    else {
        panic!("a new key")
    };
    assert_eq!(books.apply(record).unwrap().reason, Some(Reason::SettlementRefused));
    assert_eq!(replay(&mut books, vec![settle(1, None)]), [Some(Reason::SettlementRefused)]);
    assert_eq!(replay(&mut books, vec![release(1)]), [None]);
}

#[test]
fn records_that_do_not_follow_are_refused_and_change_nothing() {
    let mut books = Books::default();
    replay(&mut books, vec![hold("order", "tok_visa", "10")]);
    let done = |value| Outcome::Done { amount: pounds(value) };
    let record = |key: &str, charge, request, outcome| Record {
        idempotency_key: key.to_owned(),
        charge: ChargeId(charge),
        request,
        outcome,
    };
    for wrong in [
        record("key-0", 2, hold("other", "tok_visa", "1"), done("1")),
        record("skips", 3, hold("other", "tok_visa", "1"), done("1")),
        record("unknown", 2, release(2), done("1")),
        record("too-much", 1, settle(1, None), done("10.01")),
        record("too-much", 1, release(1), done("10.01")),
    ] {
        let told = format!("{wrong:?}");
        assert!(books.apply(wrong).is_err(), "{told}");
    }
    assert_eq!((books.len(), books.records.len()), (1, 1));
    assert_eq!(stand(&books, 1), (ChargeState::Held, [1_000, 0, 0, 1_000]));
}

#[test]
fn pages_follow_each_other_without_a_hole() {
    let mut books = Books::default();
    assert_eq!(books.page(None, 2), BooksPage { entries: Vec::new(), next_after: None });
    replay(&mut books, (0..5).map(|n| hold(&format!("order-{n}"), "tok_visa", "1")).collect());
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = books.page(after, 2);
        seen.extend(page.entries.iter().map(|entry| entry.charge.id.0));
        after = page.next_after;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
    assert!(books.page(Some(ChargeId(u64::MAX)), 2).entries.is_empty());
}
