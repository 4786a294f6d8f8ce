//! Why a command has no effect.

use bowline_kernel::Money;

use crate::CancelReason;

/// The business reason why a command was refused.
///
/// The first four answer a caller. The last two mean that a service has broken the saga's rules or lost part of its
/// history: the message must not be passed over, and a person must look.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such order.
    #[error("there is no such order")]
    NotFound,
    /// An order with this id has already been placed.
    #[error("an order with this id has already been placed")]
    AlreadyPlaced,
    /// The order is confirmed, which is final for a cancellation.
    #[error("the order is already confirmed")]
    AlreadyConfirmed,
    /// The order was cancelled before, by another request or for another reason.
    #[error("the order is already cancelled: {}", reason.words())]
    AlreadyCancelled {
        /// Why it was cancelled.
        reason: CancelReason,
    },
    /// A report that no path of the saga leads to in this state.
    #[error("{report} is impossible for an order that is {state}")]
    Impossible {
        /// The state's name.
        state: &'static str,
        /// The report's name.
        report: &'static str,
    },
    /// A report about money that contradicts the order's total.
    #[error("{report} of {reported} contradicts the order's total of {total}", reported = Reported(*.reported))]
    WrongAmount {
        /// The report's name.
        report: &'static str,
        /// The amount reported; `None` when the report named none.
        reported: Option<Money>,
        /// The order's total.
        total: Money,
    },
}

/// An amount that may be missing, for people.
struct Reported(Option<Money>);

impl std::fmt::Display for Reported {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(amount) => amount.fmt(f),
            None => f.write_str("no amount"),
        }
    }
}
