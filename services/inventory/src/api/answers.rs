//! From what happened to what the caller is told.

use bowline_database::Fault;
use bowline_idempotency::{Answer, Outcome};
use bowline_kernel::Sku;
use bowline_service::{ApiError, ErrorKind, Violations, read_failed, request_id_reused};
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
        Reply::KeyReused => Err(request_id_reused()),
    }
}

/// Why a query failed.
pub(super) fn not_read(error: infra::Error) -> ApiError {
    let fault = match &error {
        infra::Error::Database(source) => source.fault(),
        infra::Error::Corrupt { .. } | infra::Error::LevelsMissing { .. } => Fault::Bug,
    };
    read_failed(fault, error)
}

/// The SKU is not in the catalogue.
pub(super) fn unknown_sku(sku: &Sku) -> ApiError {
    ApiError::new(ErrorKind::NotFound, "SKU_NOT_FOUND", format!("no product has the SKU \"{sku}\""))
        .with("sku", sku)
}
