//! What callers are told when they get no answer.

use std::time::Duration;

use bowline_database::Fault;
use bowline_kernel::OrderId;
use bowline_service::{ApiError, ErrorKind, read_failed};

use crate::app::watches::Unwatchable;
use crate::infra::row::ReadError;

const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) fn order_not_found(order: OrderId) -> ApiError {
    let text = format!("order {order} is not known here; it may not have arrived yet");
    ApiError::new(ErrorKind::NotFound, "ORDER_NOT_FOUND", text).with("order_id", order)
}

pub(super) fn of_read(error: ReadError) -> ApiError {
    let fault = match &error {
        ReadError::Database(cause) => cause.fault(),
        ReadError::Corrupt { .. } => Fault::Bug,
    };
    read_failed(fault, error)
}

pub(super) fn of_watch(error: Unwatchable) -> ApiError {
    match error {
        Unwatchable::TooMany { watchers_max } => {
            ApiError::new(ErrorKind::Exhausted, "TOO_MANY_WATCHERS", error.to_string())
                .with("watchers_max", watchers_max)
                .retry_after(RETRY_AFTER)
        }
        Unwatchable::Away => read_failed(Fault::Unavailable, error),
    }
}
