//! Use case: the provider has decided an operation.

use bowline_kernel::OrderId;
use bowline_payment_domain::{Command, FailedCalls, ProviderReference, Reason};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::intent::Intent;

/// Stores what the provider has decided. Repeated, or late because somebody else has stored it, it has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordOutcome {
    /// The order, which is also the payment.
    pub order_id: OrderId,
    /// The partition of the order.
    pub partition: u16,
    /// What was decided.
    pub outcome: Outcome,
    /// The calls before the one that brought it.
    pub failed_calls: FailedCalls,
    /// The message that the outcome answers.
    pub causation: Option<Uuid>,
    /// The W3C trace context of the operation.
    pub traceparent: Option<String>,
}

impl RecordOutcome {
    /// The outcome of an operation.
    pub fn of(intent: Intent, outcome: Outcome) -> Self {
        let Intent { order_id, partition, failed_calls, causation, traceparent, .. } = intent;
        Self { order_id, partition, outcome, failed_calls, causation, traceparent }
    }

    /// The domain's command for it.
    pub(super) fn command(&self, at: DateTime<Utc>) -> Command {
        self.outcome.command(self.failed_calls.clone(), at)
    }
}

/// What the provider has decided for good, in our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It holds the amount.
    Authorized {
        /// What it calls the authorisation.
        provider_reference: ProviderReference,
    },
    /// It declined the authorisation; nothing is held.
    Declined {
        /// Why.
        reason: Reason,
    },
    /// It has taken the amount.
    Captured,
    /// It refused the capture; nothing is taken.
    CaptureRefused {
        /// Why.
        reason: Reason,
    },
    /// It holds nothing any more.
    Voided,
}

impl Outcome {
    /// The domain's command for it.
    fn command(&self, failed_calls: FailedCalls, at: DateTime<Utc>) -> Command {
        match self {
            Self::Authorized { provider_reference } => {
                Command::Authorized { provider_reference: provider_reference.clone(), failed_calls, at }
            }
            Self::Declined { reason } => {
                Command::AuthorizationDeclined { reason: reason.clone(), failed_calls, at }
            }
            Self::Captured => Command::Captured { failed_calls, at },
            Self::CaptureRefused { reason } => {
                Command::CaptureRefused { reason: reason.clone(), failed_calls, at }
            }
            Self::Voided => Command::Voided { failed_calls, at },
        }
    }
}
