use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt::{self, Write as _};
use std::time::Duration;

use bowline_kernel::error_text;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::{TraceId, Violation};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "bowline.dev";

/// The most violations that one answer names.
const VIOLATIONS_NAMED_MAX: usize = 20;
/// The most bytes of their text. It is sent twice, once escaped to three times its size if it is not ASCII, and many
/// clients take 16 KiB of headers.
const VIOLATIONS_TEXT_MAX: usize = 2 << 10;

/// What kind of failure an error is; decides the gRPC code and whether a caller may try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(strum::VariantArray))]
pub enum ErrorKind {
    /// The request can never succeed as it is.
    Malformed,
    /// The business refuses it in the present state.
    Precondition,
    /// What it names is not known.
    NotFound,
    /// What it names was there and is no longer kept.
    Gone,
    /// Its key belongs to another request.
    KeyReuse,
    /// Another writer was faster; trying again may succeed.
    Conflict,
    /// Something it needs is down; trying again later may succeed.
    Unavailable,
    /// It took too long; its outcome is unknown.
    Deadline,
    /// Too much at once; trying again later may succeed.
    Exhausted,
    /// A bug or corrupt data. The caller sees an id, never the text.
    Internal,
}

/// The answer to a call that failed. It becomes a [`Status`] with `ErrorInfo` and, where there are any, field violations.
pub struct ApiError(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    reason: Cow<'static, str>,
    message: String,
    metadata: BTreeMap<String, String>,
    violations: Vec<Violation>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ErrorKind {
    /// The gRPC code of this kind.
    pub fn code(self) -> Code {
        match self {
            Self::Malformed => Code::InvalidArgument,
            Self::Precondition => Code::FailedPrecondition,
            Self::NotFound => Code::NotFound,
            Self::Gone => Code::OutOfRange,
            Self::KeyReuse => Code::AlreadyExists,
            Self::Conflict => Code::Aborted,
            Self::Unavailable => Code::Unavailable,
            Self::Deadline => Code::DeadlineExceeded,
            Self::Exhausted => Code::ResourceExhausted,
            Self::Internal => Code::Internal,
        }
    }

    /// Whether the same request may succeed later.
    pub fn retriable(self) -> bool {
        match self {
            Self::Conflict | Self::Unavailable | Self::Deadline | Self::Exhausted => true,
            Self::Malformed
            | Self::Precondition
            | Self::NotFound
            | Self::Gone
            | Self::KeyReuse
            | Self::Internal => false,
        }
    }
}

impl ApiError {
    /// An error of any kind but [`ErrorKind::Internal`]. `reason` is constant per cause, in UPPER_SNAKE_CASE; `message` is for people
    /// and is shown to the caller.
    ///
    /// # Panics
    /// If `kind` is `Internal`: use [`ApiError::internal`], which hides the text.
    pub fn new(kind: ErrorKind, reason: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        assert!(kind != ErrorKind::Internal, "internal errors are made by ApiError::internal");
        Self::of(kind, reason.into(), message.into())
    }

    /// A bug or corrupt data. `source` is logged when the error becomes a status; the caller gets only a correlation id.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let mut error = Self::of(ErrorKind::Internal, "INTERNAL".into(), "internal error".into());
        error.0.source = Some(source.into());
        error
    }

    /// Names the first violations and counts the others: a status travels in HTTP/2 headers, and one that outgrows the
    /// limit of the client ends the connection with all other calls on it.
    pub(crate) fn malformed(mut violations: Vec<Violation>) -> Self {
        let named = nameable(&violations);
        if named < violations.len() {
            let description = format!("has {} more violations", violations.len() - named);
            violations.truncate(named);
            violations.push(Violation { field: "request".into(), description });
        }
        let mut message = String::from("the request is not valid");
        for (index, Violation { field, description }) in violations.iter().enumerate() {
            let separator = if index == 0 { ':' } else { ';' };
            write!(message, "{separator} {field} {description}").expect("writing to a string cannot fail");
        }
        let mut error = Self::of(ErrorKind::Malformed, "INVALID_REQUEST".into(), message);
        error.0.violations = violations;
        error
    }

    fn of(kind: ErrorKind, reason: Cow<'static, str>, message: String) -> Self {
        let (metadata, violations) = (BTreeMap::new(), Vec::new());
        Self(Box::new(Inner { kind, reason, message, metadata, violations, retry_after: None, source: None }))
    }

    /// Adds one piece of metadata, such as the id that was not found. Shown to the caller.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl fmt::Display) -> Self {
        self.0.metadata.insert(key.into(), value.to_string());
        self
    }

    /// Tells the caller how long to wait before it tries again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.0.retry_after = Some(wait);
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The constant reason.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The text that the caller sees.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The metadata that the caller sees.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.0.metadata
    }

    /// The fields that are not valid.
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let mut inner = *error.0;
        if inner.kind == ErrorKind::Internal {
            let correlation_id = TraceId::fresh();
            let cause = inner.source.as_deref().map(|source| error_text(source)).unwrap_or_default();
            tracing::error!(%correlation_id, cause, "call failed with an internal error");
            write!(inner.message, ", correlation id {correlation_id}")
                .expect("writing to a string cannot fail");
            inner.metadata.insert("correlation_id".into(), correlation_id.to_string());
        }
        let metadata: HashMap<String, String> = inner.metadata.into_iter().collect();
        let mut details = ErrorDetails::with_error_info(inner.reason, DOMAIN, metadata);
        for Violation { field, description } in inner.violations {
            details.add_bad_request_violation(field, description);
        }
        if let Some(wait) = inner.retry_after {
            details.set_retry_info(Some(wait));
        }
        Status::with_error_details(inner.kind.code(), inner.message, details)
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("kind", &self.0.kind)
            .field("reason", &self.0.reason)
            .field("message", &self.0.message)
            .field("metadata", &self.0.metadata)
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// How many of these, from the first one on, fit into one answer; at least one.
fn nameable(violations: &[Violation]) -> usize {
    let mut room = VIOLATIONS_TEXT_MAX;
    let fits = violations.iter().take(VIOLATIONS_NAMED_MAX).take_while(|violation| {
        let length = violation.field.len() + violation.description.len();
        let fits = length <= room;
        room = room.saturating_sub(length);
        fits
    });
    fits.count().max(1).min(violations.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_business_rejection_carries_its_reason() {
        let error = ApiError::new(ErrorKind::Precondition, "ORDER_CONFIRMED", "the order is confirmed");
        let status = Status::from(error.with("order_id", 7).retry_after(Duration::from_secs(1)));
        assert_eq!((status.code(), status.message()), (Code::FailedPrecondition, "the order is confirmed"));
        let info = status.get_details_error_info().expect("has an ErrorInfo");
        assert_eq!((info.reason.as_str(), info.domain.as_str()), ("ORDER_CONFIRMED", "bowline.dev"));
        assert_eq!(info.metadata.get("order_id").map(String::as_str), Some("7"));
        let retry = status.get_details_retry_info().expect("has a RetryInfo");
        assert_eq!(retry.retry_delay, Some(Duration::from_secs(1)));
    }

    #[test]
    fn an_internal_error_shows_an_id_and_nothing_else() {
        let status = Status::from(ApiError::internal("column \"total\" holds garbage"));
        assert_eq!(status.code(), Code::Internal);
        let info = status.get_details_error_info().expect("has an ErrorInfo");
        let id = info.metadata.get("correlation_id").expect("has an id");
        assert_eq!(status.message(), format!("internal error, correlation id {id}"));
        assert!(!format!("{status:?}").contains("garbage"));
    }

    #[test]
    fn every_kind_has_a_code_of_its_own() {
        let kinds = <ErrorKind as strum::VariantArray>::VARIANTS;
        let codes: std::collections::HashSet<_> = kinds.iter().map(|kind| kind.code() as i32).collect();
        assert_eq!(codes.len(), kinds.len());
        assert_eq!(kinds.iter().filter(|kind| kind.retriable()).count(), 4);
    }
}
