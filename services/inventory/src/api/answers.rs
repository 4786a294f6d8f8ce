//! From what happened to what the caller is told.

use bowline_database::Fault;
use bowline_idempotency::{Answer, Outcome};
use bowline_kernel::Sku;
use bowline_messaging::CommandError;
use bowline_service::{ApiError, ErrorKind, Violations};
use prost::Message;

use crate::app::Reply;
use crate::app::refusal::Refusal;
use crate::infra;

/// The response in `reply`; `field` names the field of the request's adjustment at a place, with its SKU.
pub(super) fn response<M: Message + Default>(
    reply: Reply,
    field: impl Fn(usize) -> (String, String),
) -> Result<M, ApiError> {
    match reply {
        Reply::Answered(Answer { outcome: Outcome::Accepted, bytes }) => {
            M::decode(bytes.as_slice()).map_err(ApiError::internal)
        }
        Reply::Answered(Answer { outcome: Outcome::Refused, bytes }) => {
            let refusal = Refusal::from_bytes(&bytes).map_err(ApiError::internal)?;
            let error = ApiError::new(ErrorKind::Precondition, refusal.reason, refusal.message);
            Err(refusal.metadata.into_iter().fold(error, |error, (name, value)| error.with(name, value)))
        }
        Reply::NotInCatalogue(places) => {
            let mut violations = Violations::new();
            for place in places {
                let (field, sku) = field(place);
                violations.add(&field, format!("must be a SKU of the catalogue, was \"{sku}\""));
            }
            violations.finish_with(None)
        }
        Reply::KeyReused => Err(ApiError::new(
            ErrorKind::KeyReuse,
            "REQUEST_ID_REUSED",
            "the request_id belongs to another request; choose a new one for a new request",
        )),
    }
}

/// Why the executor gave no reply.
pub(super) fn not_executed(error: CommandError) -> ApiError {
    match error {
        CommandError::Busy => {
            ApiError::new(ErrorKind::Exhausted, "TOO_MANY_WAITING", "too many requests are waiting")
        }
        CommandError::Unavailable => unavailable(),
        CommandError::Conflict => ApiError::new(
            ErrorKind::Conflict,
            "REQUEST_IN_PROGRESS",
            "another request held the same key or the same SKUs for too long; send the request again",
        ),
        CommandError::Failed => ApiError::internal(error),
    }
}

/// Why a query failed.
pub(super) fn not_read(error: infra::Error) -> ApiError {
    match error {
        infra::Error::Database(source) => match source.fault() {
            Fault::Unavailable | Fault::Conflict => unavailable(),
            Fault::Refused | Fault::Bug => ApiError::internal(source),
        },
        error @ (infra::Error::Corrupt { .. } | infra::Error::LevelsMissing { .. }) => {
            ApiError::internal(error)
        }
    }
}

/// The SKU is not in the catalogue.
pub(super) fn unknown_sku(sku: &Sku) -> ApiError {
    ApiError::new(ErrorKind::NotFound, "SKU_NOT_FOUND", format!("no product has the SKU \"{sku}\""))
        .with("sku", sku)
}

fn unavailable() -> ApiError {
    ApiError::new(
        ErrorKind::Unavailable,
        "DATABASE_UNAVAILABLE",
        "the database is away or the service is stopping; send the request again",
    )
}
