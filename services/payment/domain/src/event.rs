//! What has happened to a payment, as it is stored. Private to payment; other services see the public messages.

use bowline_kernel::{Money, OrderId, PaymentToken};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{FailedCalls, ProviderReference, Reason};

/// One event of a payment's history.
#[derive(Debug, Clone, PartialEq, Eq, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Event {
    /// The provider is to be asked to hold the total.
    AuthorizationRequested(AuthorizationRequested),
    /// The provider holds the total.
    PaymentAuthorized(PaymentAuthorized),
    /// The provider declined for good.
    PaymentDeclined(PaymentDeclined),
    /// The provider is to be asked to take the total.
    CaptureRequested(CaptureRequested),
    /// The provider has taken the total.
    PaymentCaptured(PaymentCaptured),
    /// The provider refused the capture for good.
    CaptureFailed(CaptureFailed),
    /// The order was given up while the authorisation was on its way; its outcome is awaited.
    VoidDeferred(VoidDeferred),
    /// The provider is to be asked to let go.
    VoidRequested(VoidRequested),
    /// Nothing is held, and nothing will be.
    PaymentVoided(PaymentVoided),
}

/// The provider is to be asked to hold the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequested {
    /// The order, which is also the payment.
    pub order_id: OrderId,
    /// The amount to hold: the order's total.
    pub amount: Money,
    /// How it will be paid.
    pub payment_token: PaymentToken,
    /// When.
    pub requested_at: DateTime<Utc>,
}

/// The provider holds the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentAuthorized {
    /// The amount held.
    pub amount: Money,
    /// What the provider calls the authorisation.
    pub provider_reference: ProviderReference,
    /// When.
    pub authorized_at: DateTime<Utc>,
    /// The calls to the provider before the one that decided; not stored when there were none.
    #[serde(default, skip_serializing_if = "FailedCalls::is_none")]
    pub failed_calls: FailedCalls,
}

/// The provider declined for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDeclined {
    /// Why.
    pub reason: Reason,
    /// When.
    pub declined_at: DateTime<Utc>,
    /// The calls to the provider before the one that decided; not stored when there were none.
    #[serde(default, skip_serializing_if = "FailedCalls::is_none")]
    pub failed_calls: FailedCalls,
}

/// The provider is to be asked to take the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureRequested {
    /// When.
    pub requested_at: DateTime<Utc>,
}

/// The provider has taken the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentCaptured {
    /// The amount taken.
    pub amount: Money,
    /// When.
    pub captured_at: DateTime<Utc>,
    /// The calls to the provider before the one that decided; not stored when there were none.
    #[serde(default, skip_serializing_if = "FailedCalls::is_none")]
    pub failed_calls: FailedCalls,
}

/// The provider refused the capture for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureFailed {
    /// Why.
    pub reason: Reason,
    /// When.
    pub failed_at: DateTime<Utc>,
    /// The calls to the provider before the one that decided; not stored when there were none.
    #[serde(default, skip_serializing_if = "FailedCalls::is_none")]
    pub failed_calls: FailedCalls,
}

/// The order was given up while the authorisation was on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidDeferred {
    /// When.
    pub deferred_at: DateTime<Utc>,
}

/// The provider is to be asked to let go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoidRequested {
    /// When.
    pub requested_at: DateTime<Utc>,
}

/// Nothing is held, and nothing will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentVoided {
    /// What was let go: the amount held, zero when it had been declined, `None` when no amount was ever known.
    pub amount: Option<Money>,
    /// When.
    pub voided_at: DateTime<Utc>,
    /// The calls to the provider before the one that decided; not stored when there were none.
    #[serde(default, skip_serializing_if = "FailedCalls::is_none")]
    pub failed_calls: FailedCalls,
}

impl Event {
    /// When it happened, by payment's clock.
    pub const fn at(&self) -> DateTime<Utc> {
        match self {
            Self::AuthorizationRequested(event) => event.requested_at,
            Self::PaymentAuthorized(event) => event.authorized_at,
            Self::PaymentDeclined(event) => event.declined_at,
            Self::CaptureRequested(event) => event.requested_at,
            Self::PaymentCaptured(event) => event.captured_at,
            Self::CaptureFailed(event) => event.failed_at,
            Self::VoidDeferred(event) => event.deferred_at,
            Self::VoidRequested(event) => event.requested_at,
            Self::PaymentVoided(event) => event.voided_at,
        }
    }

    /// For the outcome of an operation: the calls before the one that decided.
    pub(crate) const fn failed_calls(&self) -> Option<&FailedCalls> {
        match self {
            Self::PaymentAuthorized(event) => Some(&event.failed_calls),
            Self::PaymentDeclined(event) => Some(&event.failed_calls),
            Self::PaymentCaptured(event) => Some(&event.failed_calls),
            Self::CaptureFailed(event) => Some(&event.failed_calls),
            Self::PaymentVoided(event) => Some(&event.failed_calls),
            Self::AuthorizationRequested(_)
            | Self::CaptureRequested(_)
            | Self::VoidDeferred(_)
            | Self::VoidRequested(_) => None,
        }
    }
}
