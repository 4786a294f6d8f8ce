//! A provider operation that is to be executed.

use bowline_kernel::OrderId;
use bowline_payment_domain::{FailedCalls, Operation, OperationKind};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A stored wish for one provider operation. It stays open until its outcome is stored, whoever works on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The order, which is also the payment.
    pub order_id: OrderId,
    /// The partition of the order: its holder works on the intent.
    pub partition: u16,
    /// What the provider is to be told.
    pub operation: Operation,
    /// The message that the outcome answers.
    pub causation: Option<Uuid>,
    /// The W3C trace context in which it was asked.
    pub traceparent: Option<String>,
    /// When it was asked.
    pub requested_at: DateTime<Utc>,
    /// How it came to the worker.
    pub origin: Origin,
    /// The calls for it so far, none of which has led to an outcome.
    pub failed_calls: FailedCalls,
}

/// How an intent came to the worker, which decides its first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Straight from the commit that stored it: the provider cannot know it yet.
    Committed,
    /// Read back from the table: somebody may have sent it, so the provider is asked first.
    Stored,
}

/// What tells an intent from every other: a payment has each kind of operation at most once.
pub type IntentKey = (OrderId, OperationKind);

impl Intent {
    /// What tells it from every other.
    pub fn key(&self) -> IntentKey {
        (self.order_id, self.operation.kind())
    }

    /// The provider's idempotency key. It names the operation, never the attempt.
    pub fn idempotency_key(&self) -> String {
        format!("{}:{}", self.order_id, self.operation.kind().name())
    }
}
