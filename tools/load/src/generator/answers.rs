//! What the services answered.

use bowline_contracts::orders::v1::Order;
use bowline_kernel::OrderId;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::events::{CancelReason, EndState};

/// Everything that the calls about one order came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// PlaceOrder accepted it.
    Placed { order_id: OrderId, total_minor: i64, currency_code: String, units: u64, cancel: CancelAnswer },
    /// PlaceOrder refused it for good.
    Rejected(Rejection),
}

/// What came of cancelling right after placing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelAnswer {
    /// Nobody asked.
    NotAsked,
    /// The order was cancelled because the customer asked for it.
    Accepted,
    /// The order had reached another end before.
    TooLate,
    /// The call was refused for a reason that no cancellation should meet.
    Refused(Rejection),
}

/// A refusal that no repetition would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The field at fault without list positions (`lines.quantity`); the status code (`not_found`) when no field is.
    pub reason: String,
    /// The service's words.
    pub message: String,
}

impl Answer {
    /// The answer that an accepted order stands for.
    pub(super) fn placed(order: Option<&Order>) -> Self {
        let Some((order, order_id)) = order.and_then(|order| Some((order, order.order_id.parse().ok()?)))
        else {
            let message = "the answer holds no order with a well-formed id".to_owned();
            return Self::Rejected(Rejection { reason: "malformed_answer".to_owned(), message });
        };
        let total = order.total.clone().unwrap_or_default();
        Self::Placed {
            order_id,
            total_minor: total.amount_minor,
            currency_code: total.currency_code,
            units: order.lines.iter().map(|line| u64::from(line.quantity)).sum(),
            cancel: CancelAnswer::NotAsked,
        }
    }
}

impl CancelAnswer {
    /// The answer that an order after CancelOrder stands for: it may have been cancelled before, for another reason.
    pub(super) fn from_order(order: Option<&Order>) -> Self {
        match order.and_then(|order| EndState::read(order.status, order.cancel_reason)) {
            Some(EndState::Cancelled(CancelReason::Customer)) => Self::Accepted,
            _ => Self::TooLate,
        }
    }

    /// The answer that a refusal stands for.
    pub(super) fn from_status(status: &Status) -> Self {
        match status.code() {
            Code::FailedPrecondition => Self::TooLate,
            _ => Self::Refused(Rejection::from_status(status)),
        }
    }
}

impl Rejection {
    /// Reads the first field violation, if there is one.
    pub(super) fn from_status(status: &Status) -> Self {
        let field = status
            .get_details_bad_request()
            .and_then(|details| details.field_violations.into_iter().next())
            .map(|violation| without_positions(&violation.field))
            .filter(|field| !field.is_empty());
        Self {
            reason: field.unwrap_or_else(|| code_name(status.code())),
            message: status.message().to_owned(),
        }
    }
}

/// True when the call may or may not have taken effect, or could succeed later.
pub fn is_doubtful(status: &Status) -> bool {
    match status.code() {
        Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable => true,
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss
        | Code::Unauthenticated => false,
    }
}

/// `lines[3].quantity` and `lines.3.quantity` as `lines.quantity`.
fn without_positions(field: &str) -> String {
    let names = field.split(['.', '[', ']']).filter(|part| !part.is_empty());
    names.filter(|part| !part.bytes().all(|b| b.is_ascii_digit())).collect::<Vec<_>>().join(".")
}

/// `FailedPrecondition` as `failed_precondition`.
fn code_name(code: Code) -> String {
    let mut name = String::new();
    for c in format!("{code:?}").chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn a_rejection_is_named_after_its_field() {
        for field in ["lines[17].quantity", "lines.17.quantity"] {
            let details = ErrorDetails::with_bad_request_violation(field, "must be 1 to 100000");
            let status =
                Status::with_error_details(Code::InvalidArgument, "lines[17].quantity is wrong", details);
            assert_eq!(Rejection::from_status(&status).reason, "lines.quantity");
        }
        let status = Status::failed_precondition("no");
        assert_eq!(Rejection::from_status(&status).reason, "failed_precondition");
    }

    #[test]
    fn a_cancellation_counts_only_when_the_customer_is_its_reason() {
        use bowline_contracts::orders::v1::{CancelReason, OrderStatus};
        let order = |status: OrderStatus, reason: CancelReason| Order {
            status: status.into(),
            cancel_reason: reason.into(),
            ..Order::default()
        };
        let cancelled = order(OrderStatus::Cancelled, CancelReason::Customer);
        assert_eq!(CancelAnswer::from_order(Some(&cancelled)), CancelAnswer::Accepted);
        let sold_out = order(OrderStatus::Cancelled, CancelReason::OutOfStock);
        assert_eq!(CancelAnswer::from_order(Some(&sold_out)), CancelAnswer::TooLate);
        assert_eq!(CancelAnswer::from_status(&Status::failed_precondition("")), CancelAnswer::TooLate);
        assert!(matches!(CancelAnswer::from_status(&Status::not_found("")), CancelAnswer::Refused(_)));
    }
}
