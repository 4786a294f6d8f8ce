//! Reading requests strictly: every fault answers in the provider's own shape and names what was expected.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::amount::{Amount, Text};
use crate::records::{self, ChargeId};

use super::error::{ApiError, Code};

const KEY_HEADER: &str = "idempotency-key";
const KEY_CHARS_MAX: usize = 128;
const REFERENCE_CHARS_MAX: usize = 128;
const TOKEN_CHARS_MAX: usize = 128;

/// The `Idempotency-Key` of a write.
pub(super) struct IdempotencyKey(pub(super) String);

/// The charge named in the path. A text that is no charge id names no charge.
pub(super) struct ChargePath(pub(super) ChargeId);

/// A JSON body. An empty one counts as `{}`.
pub(super) struct Body<T>(pub(super) T);

/// Body of `POST /v1/charges`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HoldBody {
    merchant_reference: String,
    token: String,
    amount: Text,
}

/// Body of `POST /v1/charges/{charge_id}/settle`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettleBody {
    amount: Option<Text>,
}

/// Body of `POST /v1/charges/{charge_id}/release`: nothing to say.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseBody {}

impl HoldBody {
    pub(super) fn check(self) -> Result<records::Request, ApiError> {
        check_text("merchant_reference", &self.merchant_reference, REFERENCE_CHARS_MAX)?;
        check_text("token", &self.token, TOKEN_CHARS_MAX)?;
        Ok(records::Request::Hold {
            merchant_reference: self.merchant_reference,
            token: self.token,
            amount: positive(&self.amount)?,
        })
    }
}

impl SettleBody {
    pub(super) fn check(self) -> Result<Option<Amount>, ApiError> {
        self.amount.as_ref().map(positive).transpose()
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut values = parts.headers.get_all(KEY_HEADER).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            let message = "a write needs exactly one Idempotency-Key header";
            return Err(ApiError::new(Code::MissingIdempotencyKey, message));
        };
        let bytes = value.as_bytes();
        if bytes.is_empty() || bytes.len() > KEY_CHARS_MAX || !bytes.iter().all(u8::is_ascii_graphic) {
            let expected = format!("1 to {KEY_CHARS_MAX} visible ASCII characters");
            return Err(ApiError::field("Idempotency-Key", &expected));
        }
        Ok(Self(bytes.iter().copied().map(char::from).collect()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ChargePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let Path(text) = path.map_err(|_| ApiError::unknown_charge("with such a path"))?;
        text.parse().map(Self).map_err(|_| ApiError::unknown_charge(&text))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| unreadable(&rejection))?;
        let json: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let read = serde_json::from_slice(json);
        read.map(Self).map_err(|fault| ApiError::new(Code::MalformedRequest, format!("body: {fault}")))
    }
}

fn unreadable(rejection: &BytesRejection) -> ApiError {
    let code = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Code::BodyTooLarge,
        _ => Code::MalformedRequest,
    };
    ApiError::new(code, rejection.body_text())
}

fn positive(amount: &Text) -> Result<Amount, ApiError> {
    let amount = Amount::parse(&amount.value, &amount.iso)?;
    if amount.minor() == 0 {
        return Err(ApiError::new(Code::InvalidAmount, "amount.value: expected more than zero"));
    }
    Ok(amount)
}

fn check_text(name: &str, text: &str, chars_max: usize) -> Result<(), ApiError> {
    let fits = !text.is_empty() && text.chars().count() <= chars_max && !text.chars().any(char::is_control);
    if fits {
        Ok(())
    } else {
        Err(ApiError::field(name, &format!("1 to {chars_max} characters, none of them a control character")))
    }
}
