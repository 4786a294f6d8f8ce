//! Fields of public messages as the domain's values.

use std::str::FromStr;

use bowline_contracts::{common, convert, orders};
use bowline_kernel::{InvalidId, Money, Quantity};
use bowline_projection_domain::CancelReason;
use chrono::{DateTime, Utc};
use prost_types::Timestamp;

use super::Unreadable;

pub(super) fn time(field: &'static str, time: Option<Timestamp>) -> Result<DateTime<Utc>, Unreadable> {
    time.and_then(convert::time).ok_or(Unreadable::Field { field, expected: "a time" })
}

pub(super) fn amount(field: &'static str, amount: Option<&common::v1::Money>) -> Result<Money, Unreadable> {
    let expected = "an amount in a currency of ISO 4217";
    amount.and_then(convert::amount).ok_or(Unreadable::Field { field, expected })
}

pub(super) fn id<T: FromStr<Err = InvalidId>>(field: &'static str, text: &str) -> Result<T, Unreadable> {
    text.parse().map_err(|InvalidId { expected }| Unreadable::Field { field, expected })
}

pub(super) fn quantity(field: &'static str, units: u32) -> Result<Quantity, Unreadable> {
    Quantity::new(units).ok_or(Unreadable::Field { field, expected: "at least 1" })
}

/// The reason of a cancellation; `None` where none is given.
pub(super) fn cancel_reason(field: &'static str, reason: i32) -> Result<Option<CancelReason>, Unreadable> {
    use orders::v1::CancelReason as Given;
    let given = Given::try_from(reason)
        .map_err(|_| Unreadable::Field { field, expected: "a reason that this build knows" })?;
    Ok(match given {
        Given::Unspecified => None,
        Given::OutOfStock => Some(CancelReason::OutOfStock),
        Given::PaymentDeclined => Some(CancelReason::PaymentDeclined),
        Given::Customer => Some(CancelReason::Customer),
        Given::CaptureFailed => Some(CancelReason::CaptureFailed),
        Given::Deadline => Some(CancelReason::Deadline),
    })
}
