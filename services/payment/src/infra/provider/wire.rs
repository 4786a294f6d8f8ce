//! The documents of the provider's API.

use serde::{Deserialize, Serialize};

/// Body of `POST /v1/charges`.
#[derive(Serialize)]
pub(super) struct Hold<'a> {
    pub(super) merchant_reference: &'a str,
    pub(super) token: &'a str,
    pub(super) amount: AmountText,
}

/// Body of `POST /v1/charges/{charge_id}/settle`.
#[derive(Serialize)]
pub(super) struct Settle {
    pub(super) amount: AmountText,
}

/// Body of `POST /v1/charges/{charge_id}/release`.
#[derive(Serialize)]
pub(super) struct Release {}

/// An amount.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AmountText {
    pub(super) value: String,
    pub(super) iso: String,
}

/// A decided operation. Fields that we have no use for are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    pub(super) idempotency_key: String,
    pub(super) kind: Kind,
    pub(super) result: Verdict,
    pub(super) reason: Option<String>,
    pub(super) charge_id: String,
    pub(super) merchant_reference: String,
    pub(super) amount: AmountText,
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Hold,
    Settle,
    Release,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Done,
    Refused,
}

/// Every answer that is not a result.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorDocument {
    pub(super) error: ErrorDetail,
}

/// Its only field.
#[derive(Debug, Deserialize)]
pub(super) struct ErrorDetail {
    pub(super) code: String,
}
