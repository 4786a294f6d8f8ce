//! Times, lengths of time and money between the kernel's types and protobuf's.

use bowline_kernel::{Currency, Money};
use chrono::{DateTime, Utc};
use prost_types::Timestamp;

use crate::common::v1;

/// A time as protobuf writes it.
pub fn timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: time.timestamp(),
        nanos: i32::try_from(time.timestamp_subsec_nanos())
            .expect("a leap second is below two billion nanoseconds"),
    }
}

/// A protobuf time; `None` when it is out of range.
pub fn time(timestamp: Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(timestamp.seconds, u32::try_from(timestamp.nanos).ok()?)
}

/// A length of time as protobuf writes it; one of more than 292 billion years is cut.
pub fn duration(time: std::time::Duration) -> prost_types::Duration {
    let longest = prost_types::Duration { seconds: i64::MAX, nanos: 999_999_999 };
    time.try_into().unwrap_or(longest)
}

/// An amount as protobuf writes it.
pub fn money(amount: Money) -> v1::Money {
    v1::Money { currency_code: amount.currency.code().to_owned(), amount_minor: amount.minor }
}

/// A protobuf amount; `None` when the currency is not of ISO 4217.
pub fn amount(money: &v1::Money) -> Option<Money> {
    Some(Money::new(money.amount_minor, Currency::from_code(&money.currency_code)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read() {
        let now = DateTime::from_timestamp_micros(-1_700_000_000_123_456).unwrap();
        assert_eq!(time(timestamp(now)), Some(now));
        let price = Money::new(-5, Currency::GBP);
        assert_eq!(amount(&money(price)), Some(price));
    }

    #[test]
    fn nonsense_is_not_read() {
        assert_eq!(time(Timestamp { seconds: 0, nanos: -1 }), None);
        assert_eq!(amount(&v1::Money { currency_code: "gbp".into(), amount_minor: 1 }), None);
    }
}
