//! The histories and commands that the tests share.

use bowline_kernel::spec::Paths;
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

fn commands() -> Vec<(&'static str, Command)> {
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

/// Every state that the saga can reach.
pub(crate) const PATHS: Paths<PaymentDecider> = Paths {
    commands,
    states: &[
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
    ],
};

/// The fold of a history.
pub(crate) fn state_after(history: &[Event]) -> State {
    PaymentDecider::replay(history)
}
