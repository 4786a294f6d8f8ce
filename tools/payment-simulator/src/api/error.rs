//! The one shape of every answer that is not a result: `{"error": {"code": …, "message": …}}`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::amount::AmountFault;
use crate::books::Rejection;
use crate::keeper::KeeperError;

/// Says that a request was not decided, and why.
#[derive(Debug)]
pub(super) struct ApiError {
    code: Code,
    message: String,
}

/// Codes are part of the contract, messages are for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    BodyTooLarge,
    BooksClosed,
    CurrencyMismatch,
    IdempotencyKeyReused,
    InternalError,
    InvalidAmount,
    InvalidField,
    MalformedRequest,
    MethodNotAllowed,
    MissingIdempotencyKey,
    ProviderDown,
    UnknownCharge,
    UnknownCurrency,
    UnknownOperation,
    UnknownRoute,
}

#[derive(Serialize)]
struct Document<'a> {
    error: Detail<'a>,
}

#[derive(Serialize)]
struct Detail<'a> {
    code: Code,
    message: &'a str,
}

impl ApiError {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// No charge has this id, or it is none.
    pub(super) fn unknown_charge(id: &str) -> Self {
        Self::new(Code::UnknownCharge, format!("there is no charge {id}"))
    }

    /// A field that breaks its rule.
    pub(super) fn field(name: &str, expected: &str) -> Self {
        Self::new(Code::InvalidField, format!("{name}: expected {expected}"))
    }
}

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Self::InvalidAmount
            | Self::InvalidField
            | Self::MalformedRequest
            | Self::MissingIdempotencyKey
            | Self::UnknownCurrency => StatusCode::BAD_REQUEST,
            Self::UnknownCharge | Self::UnknownOperation | Self::UnknownRoute => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::CurrencyMismatch | Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::BooksClosed | Self::ProviderDown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let document = Document { error: Detail { code: self.code, message: &self.message } };
        (self.code.status(), Json(document)).into_response()
    }
}

impl From<AmountFault> for ApiError {
    fn from(fault: AmountFault) -> Self {
        let code = match fault {
            AmountFault::UnknownCurrency(_) => Code::UnknownCurrency,
            AmountFault::Malformed { .. } => Code::InvalidAmount,
        };
        Self::new(code, format!("amount.{fault}"))
    }
}

impl From<KeeperError> for ApiError {
    fn from(error: KeeperError) -> Self {
        let code = match &error {
            KeeperError::Rejected(Rejection::KeyReused) => Code::IdempotencyKeyReused,
            KeeperError::Rejected(Rejection::UnknownCharge(_)) => Code::UnknownCharge,
            KeeperError::Rejected(Rejection::OtherCurrency { .. }) => Code::CurrencyMismatch,
            KeeperError::Closed => Code::BooksClosed,
        };
        Self::new(code, error.to_string())
    }
}
