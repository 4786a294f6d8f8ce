//! The provider's vocabulary as its journal keeps it: one record for each decided operation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::amount::Amount;

/// The number of a charge, counted from 1 in the order in which charges were made; written `ch_0000000001`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChargeId(pub(crate) u64);

/// What a merchant asks for. Two requests under one idempotency key are the same if these are equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Request {
    Hold { merchant_reference: String, token: String, amount: Amount },
    Settle { charge_id: ChargeId, amount: Option<Amount> },
    Release { charge_id: ChargeId },
}

/// What the provider decided. It is never revised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The amount was put on hold, settled or released.
    Done { amount: Amount },
    /// Nothing changed hands; `amount` is what was asked for.
    Refused { amount: Amount, reason: Reason },
}

/// Why the provider refused an operation for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A hold: the account does not cover it.
    InsufficientFunds,
    /// A hold: the card is past its date.
    ExpiredCard,
    /// A hold: the card was reported lost.
    LostCard,
    /// A hold: it looks like fraud.
    SuspectedFraud,
    /// A hold: the issuer gives no reason.
    DoNotHonour,
    /// A settlement or a release: the charge holds nothing (any more).
    NothingHeld,
    /// A settlement: it is more than the charge still holds.
    ExceedsHeld,
    /// A settlement: the issuer refuses to settle this charge, now and for ever. It can still be released.
    SettlementRefused,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) idempotency_key: String,
    /// The charge that was made or acted upon.
    pub(crate) charge: ChargeId,
    pub(crate) request: Request,
    pub(crate) outcome: Outcome,
}

/// A text is no charge id.
#[derive(Debug, thiserror::Error)]
#[error("expected a charge id like ch_0000000001, got {0:?}")]
pub struct NotAChargeId(String);

impl ChargeId {
    /// Where the charge stands in the books.
    pub(crate) fn index(self) -> usize {
        usize::try_from(self.0 - 1).expect("charges are counted in memory")
    }

    pub(crate) fn from_index(index: usize) -> Self {
        Self(u64::try_from(index).expect("an index fits 64 bits") + 1)
    }
}

impl fmt::Display for ChargeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ch_{:010}", self.0)
    }
}

impl FromStr for ChargeId {
    type Err = NotAChargeId;

    fn from_str(text: &str) -> Result<Self, NotAChargeId> {
        let number = text.strip_prefix("ch_").filter(|digits| digits.len() >= 10);
        let id = number.and_then(|digits| digits.parse().ok()).filter(|number| *number > 0).map(Self);
        // Printed and compared, so that there is one way to write an id.
        id.filter(|id| id.to_string() == text).ok_or_else(|| NotAChargeId(text.to_owned()))
    }
}

impl TryFrom<String> for ChargeId {
    type Error = NotAChargeId;

    fn try_from(text: String) -> Result<Self, NotAChargeId> {
        text.parse()
    }
}

impl From<ChargeId> for String {
    fn from(id: ChargeId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_id_is_written_in_one_way() {
        assert_eq!("ch_0000000042".parse::<ChargeId>().unwrap(), ChargeId(42));
        assert_eq!(
            ChargeId(12_345_678_901).to_string().parse::<ChargeId>().unwrap(),
            ChargeId(12_345_678_901)
        );
        for malformed in
            ["", "42", "ch_42", "ch_0000000000", "ch_+000000042", "ch_00000000042", "CH_0000000042"]
        {
            assert!(malformed.parse::<ChargeId>().is_err(), "{malformed:?} must be refused");
        }
    }

    #[test]
    fn a_journal_line_keeps_its_form() {
        let amount = Amount::parse("12.34", "GBP").unwrap();
        let record = Record {
            idempotency_key: "order-1:authorize".to_owned(),
            charge: ChargeId(1),
            request: Request::Hold {
                merchant_reference: "order-1".to_owned(),
                token: "tok_decline_lost_card".to_owned(),
                amount,
            },
            outcome: Outcome::Refused { amount, reason: Reason::LostCard },
        };
        let line = concat!(
            r#"{"idempotency_key":"order-1:authorize","charge":"ch_0000000001","#,
            r#""request":{"kind":"hold","merchant_reference":"order-1","token":"tok_decline_lost_card","#,
            r#""amount":{"value":"12.34","iso":"GBP"}},"#,
            r#""outcome":{"result":"refused","amount":{"value":"12.34","iso":"GBP"},"reason":"lost_card"}}"#,
        );
        assert_eq!(serde_json::to_string(&record).unwrap(), line);
        assert_eq!(serde_json::from_str::<Record>(line).unwrap(), record);
    }
}
