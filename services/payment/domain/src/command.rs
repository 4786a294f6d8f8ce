//! What the saga asks of a payment, what the provider's operations lead to, and why a command is refused.

use bowline_kernel::{Money, OrderId, PaymentToken};
use chrono::{DateTime, Utc};

use crate::{FailedCalls, ProviderReference, Reason};

/// A message of the saga, or the outcome of a provider operation; `at` is always the time by payment's own clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Inventory has reserved every line: authorise the total.
    StockReserved {
        /// The order, which is also the payment.
        order_id: OrderId,
        /// The order's total.
        total: Money,
        /// How it will be paid.
        payment_token: PaymentToken,
        /// When it became known here.
        at: DateTime<Utc>,
    },
    /// The order is confirmed: capture the total.
    OrderConfirmed {
        /// When it became known here.
        at: DateTime<Utc>,
    },
    /// The order is given up: let go of whatever is held, and never authorise for it again.
    VoidPayment {
        /// When it became known here.
        at: DateTime<Utc>,
    },
    /// Outcome: the provider holds the total.
    Authorized {
        /// What the provider calls the authorisation.
        provider_reference: ProviderReference,
        /// The calls before the one that brought it.
        failed_calls: FailedCalls,
        /// When the outcome became known.
        at: DateTime<Utc>,
    },
    /// Outcome: the provider declined for good; nothing is held.
    AuthorizationDeclined {
        /// Why.
        reason: Reason,
        /// The calls before the one that brought it.
        failed_calls: FailedCalls,
        /// When the outcome became known.
        at: DateTime<Utc>,
    },
    /// Outcome: the provider has taken the total.
    Captured {
        /// The calls before the one that brought it.
        failed_calls: FailedCalls,
        /// When the outcome became known.
        at: DateTime<Utc>,
    },
    /// Outcome: the provider refused the capture for good; nothing is taken.
    CaptureRefused {
        /// Why.
        reason: Reason,
        /// The calls before the one that brought it.
        failed_calls: FailedCalls,
        /// When the outcome became known.
        at: DateTime<Utc>,
    },
    /// Outcome: the provider holds nothing any more, whether it let go now or had done so before.
    Voided {
        /// The calls before the one that brought it.
        failed_calls: FailedCalls,
        /// When the outcome became known.
        at: DateTime<Utc>,
    },
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A message that no path of the saga leads to in this state. A service has broken the saga's rules or lost part
    /// of its history: the message must not be passed over, and a person must look.
    #[error("{message} is impossible for a payment that is {state}")]
    Impossible {
        /// The state's name.
        state: &'static str,
        /// The message's name.
        message: &'static str,
    },
}

impl Command {
    /// The command's name for logs and rejections, in snake case.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::StockReserved { .. } => "stock_reserved",
            Self::OrderConfirmed { .. } => "order_confirmed",
            Self::VoidPayment { .. } => "void_payment",
            Self::Authorized { .. } => "authorized",
            Self::AuthorizationDeclined { .. } => "authorization_declined",
            Self::Captured { .. } => "captured",
            Self::CaptureRefused { .. } => "capture_refused",
            Self::Voided { .. } => "voided",
        }
    }
}
