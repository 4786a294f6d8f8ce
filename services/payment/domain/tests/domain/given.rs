//! The histories and commands that the tests share.

use bowline_kernel::{Currency, Decider, Money, OrderId, PaymentToken};
use bowline_payment_domain::{Command, Event, FailedCalls, PaymentDecider, ProviderReference, Reason, State};
use chrono::{DateTime, TimeZone, Utc};
use uuid::Uuid;

/// The order's total.
pub(crate) const TOTAL: Money = Money::new(765, Currency::GBP);
/// Nothing, in the order's currency.
pub(crate) const ZERO: Money = Money::zero(Currency::GBP);

/// The time at which everything happens.
pub(crate) fn at() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).single().expect("it is a time")
}

pub(crate) fn order_id() -> OrderId {
    OrderId::new(Uuid::from_u128(0x0192_f0c1_7e2a_7bbb_8ccc_0123_4567_89ab))
}

pub(crate) fn token() -> PaymentToken {
    "tok_ok".parse().expect("it is a token")
}

pub(crate) fn reference() -> ProviderReference {
    "ch_1".parse().expect("it is a reference")
}

pub(crate) fn reason(text: &str) -> Reason {
    text.parse().expect("it is a reason")
}

/// Every command under the name of its column.
pub(crate) fn commands() -> Vec<(&'static str, Command)> {
    let at = at();
    vec![
        (
            "reserved",
            Command::StockReserved { order_id: order_id(), total: TOTAL, payment_token: token(), at },
        ),
        ("confirmed", Command::OrderConfirmed { at }),
        ("void", Command::VoidPayment { at }),
        (
            "authorized",
            Command::Authorized { provider_reference: reference(), failed_calls: FailedCalls::default(), at },
        ),
        (
            "declined",
            Command::AuthorizationDeclined {
                reason: reason("insufficient_funds"),
                failed_calls: FailedCalls::default(),
                at,
            },
        ),
        ("captured", Command::Captured { failed_calls: FailedCalls::default(), at }),
        (
            "refused",
            Command::CaptureRefused { reason: reason("expired"), failed_calls: FailedCalls::default(), at },
        ),
        ("voided", Command::Voided { failed_calls: FailedCalls::default(), at }),
    ]
}

/// Every state that the saga can reach, under the name of its row, as the commands that lead there.
const PATHS: [(&str, &[&str]); 13] = [
    ("unknown", &[]),
    ("authorizing", &["reserved"]),
    ("authorizing_void_asked", &["reserved", "void"]),
    ("authorized", &["reserved", "authorized"]),
    ("declined", &["reserved", "declined"]),
    ("capturing", &["reserved", "authorized", "confirmed"]),
    ("captured", &["reserved", "authorized", "confirmed", "captured"]),
    ("voiding", &["reserved", "authorized", "void"]),
    ("voiding_capture_failed", &["reserved", "authorized", "confirmed", "refused"]),
    ("voided_unasked", &["void"]),
    ("voided_declined", &["reserved", "declined", "void"]),
    ("voided", &["reserved", "authorized", "void", "voided"]),
    ("voided_capture_failed", &["reserved", "authorized", "confirmed", "refused", "voided"]),
];

/// Every state's history, under the name of its row.
pub(crate) fn histories() -> Vec<(&'static str, Vec<Event>)> {
    PATHS.iter().map(|(name, _)| (*name, history(name))).collect()
}

/// The history that leads to the state of this name.
pub(crate) fn history(name: &str) -> Vec<Event> {
    let (_, path) = PATHS.iter().find(|(row, _)| *row == name).expect("the state has a path");
    let mut events = Vec::new();
    for step in *path {
        let (_, command) =
            commands().into_iter().find(|(column, _)| column == step).expect("it is a command");
        let decided = PaymentDecider::decide(&state_after(&events), command).expect("the path is allowed");
        assert!(!decided.is_empty(), "{step} does nothing on the way to {name}");
        events.extend(decided);
    }
    events
}

/// The fold of a history.
pub(crate) fn state_after(history: &[Event]) -> State {
    PaymentDecider::replay(history)
}
