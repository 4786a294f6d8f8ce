//! What is known about a payment: a fold of its events.
//!
//! Long histories are read from a snapshot of the state. Its form, and which state a history leads to, are pinned in
//! `tests/domain/snapshots.rs`; whoever changes either raises [`State::SCHEMA_VERSION`].

use bowline_kernel::{Money, PaymentToken};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::{Event, FailedCalls, Operation, ProviderReference, Reason};

/// A payment: where it stands, and since when.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct State {
    phase: Phase,
    updated_at: Option<DateTime<Utc>>,
    /// Of the operation that was decided last.
    failed_calls: Option<FailedCalls>,
}

/// Where a payment stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing has been asked yet.
    Unknown,
    /// The provider is being asked to hold the amount.
    Authorizing {
        /// The order's total.
        amount: Money,
        /// How it will be paid.
        payment_token: PaymentToken,
        /// The order was given up meanwhile: let go as soon as the outcome is known.
        void_asked: bool,
    },
    /// The provider holds the amount.
    Authorized {
        /// The amount held.
        amount: Money,
        /// What the provider calls it.
        provider_reference: ProviderReference,
    },
    /// The provider declined; nothing is held.
    Declined {
        /// The amount that was asked for.
        amount: Money,
        /// Why.
        reason: Reason,
    },
    /// The provider is being asked to take the amount.
    Capturing {
        /// The amount held.
        amount: Money,
        /// What the provider calls it.
        provider_reference: ProviderReference,
    },
    /// The amount is taken.
    Captured {
        /// The amount.
        amount: Money,
    },
    /// The provider is being asked to let go of the amount.
    Voiding {
        /// The amount held.
        amount: Money,
        /// What the provider calls it.
        provider_reference: ProviderReference,
        /// Why the capture before it failed; `None` when the order was given up.
        capture_failure: Option<Reason>,
    },
    /// Nothing is held, and nothing will be.
    Voided(VoidedAfter),
}

/// What had been before a payment was voided.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoidedAfter {
    /// Nothing: the order was given up before payment was asked.
    Nothing,
    /// The provider had declined.
    Decline {
        /// The amount that was asked for.
        amount: Money,
        /// Why it was declined.
        reason: Reason,
    },
    /// The provider had held the amount.
    Authorization {
        /// The amount.
        amount: Money,
        /// Why the capture failed; `None` when the order was given up.
        capture_failure: Option<Reason>,
    },
}

/// A payment's public status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The authorisation is being asked for.
    Authorizing,
    /// The provider holds the amount.
    Authorized,
    /// The provider declined.
    Declined,
    /// The capture is being asked for.
    Capturing,
    /// The amount was taken.
    Captured,
    /// The void is being asked for.
    Voiding,
    /// Nothing is held, and nothing will be.
    Voided,
}

impl State {
    /// The version of the form in which the state is stored in snapshots, and of its meaning, from 1.
    pub const SCHEMA_VERSION: u16 = 2;

    /// Where the payment stands.
    pub const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// When the payment last changed; `None` when it is unknown.
    pub const fn updated_at(&self) -> Option<DateTime<Utc>> {
        self.updated_at
    }

    /// The calls for the operation that was decided last, before the one that decided it; `None` when none is decided.
    pub const fn failed_calls(&self) -> Option<&FailedCalls> {
        self.failed_calls.as_ref()
    }

    /// The one provider operation whose outcome is awaited, if any.
    pub fn open_operation(&self) -> Option<Operation> {
        self.phase.open_operation()
    }

    /// The public status; `None` when the payment is unknown.
    pub const fn status(&self) -> Option<Status> {
        match &self.phase {
            Phase::Unknown => None,
            Phase::Authorizing { .. } => Some(Status::Authorizing),
            Phase::Authorized { .. } => Some(Status::Authorized),
            Phase::Declined { .. } => Some(Status::Declined),
            Phase::Capturing { .. } => Some(Status::Capturing),
            Phase::Captured { .. } => Some(Status::Captured),
            Phase::Voiding { .. } => Some(Status::Voiding),
            Phase::Voided(_) => Some(Status::Voided),
        }
    }

    /// The amount that the provider has held at some time; `None` when it never has.
    pub const fn authorized(&self) -> Option<Money> {
        match &self.phase {
            Phase::Unknown
            | Phase::Authorizing { .. }
            | Phase::Declined { .. }
            | Phase::Voided(VoidedAfter::Nothing | VoidedAfter::Decline { .. }) => None,
            Phase::Authorized { amount, .. }
            | Phase::Capturing { amount, .. }
            | Phase::Captured { amount }
            | Phase::Voiding { amount, .. }
            | Phase::Voided(VoidedAfter::Authorization { amount, .. }) => Some(*amount),
        }
    }

    /// The amount that was taken; `None` when none was.
    pub const fn captured(&self) -> Option<Money> {
        let Phase::Captured { amount } = &self.phase else { return None };
        Some(*amount)
    }

    /// The amount that was let go; `None` when none was.
    pub const fn voided(&self) -> Option<Money> {
        let Phase::Voided(VoidedAfter::Authorization { amount, .. }) = &self.phase else { return None };
        Some(*amount)
    }

    /// Why the provider declined the authorisation or refused the capture.
    pub const fn failure(&self) -> Option<&Reason> {
        match &self.phase {
            Phase::Declined { reason, .. } | Phase::Voided(VoidedAfter::Decline { reason, .. }) => {
                Some(reason)
            }
            Phase::Voiding { capture_failure, .. }
            | Phase::Voided(VoidedAfter::Authorization { capture_failure, .. }) => capture_failure.as_ref(),
            Phase::Unknown
            | Phase::Authorizing { .. }
            | Phase::Authorized { .. }
            | Phase::Capturing { .. }
            | Phase::Captured { .. }
            | Phase::Voided(VoidedAfter::Nothing) => None,
        }
    }

    /// The state's name for logs and rejections, in snake case.
    pub const fn name(&self) -> &'static str {
        match self.status() {
            None => "unknown",
            Some(Status::Authorizing) => "authorizing",
            Some(Status::Authorized) => "authorized",
            Some(Status::Declined) => "declined",
            Some(Status::Capturing) => "capturing",
            Some(Status::Captured) => "captured",
            Some(Status::Voiding) => "voiding",
            Some(Status::Voided) => "voided",
        }
    }

    pub(crate) const fn initial() -> Self {
        Self { phase: Phase::Unknown, updated_at: None, failed_calls: None }
    }

    pub(crate) fn after(self, event: &Event) -> Self {
        // Nothing was asked of the provider for a void that it had no part in.
        let was_asked = self.phase.open_operation().is_some();
        let failed_calls = event.failed_calls().filter(|_| was_asked).cloned().or(self.failed_calls);
        Self { phase: self.phase.after(event), updated_at: Some(event.at()), failed_calls }
    }
}

impl Phase {
    fn open_operation(&self) -> Option<Operation> {
        match self {
            Self::Authorizing { amount, payment_token, void_asked: _ } => {
                Some(Operation::Authorize { amount: *amount, payment_token: payment_token.clone() })
            }
            Self::Capturing { amount, provider_reference } => {
                Some(Operation::Capture { amount: *amount, provider_reference: provider_reference.clone() })
            }
            Self::Voiding { amount, provider_reference, capture_failure: _ } => {
                Some(Operation::Void { amount: *amount, provider_reference: provider_reference.clone() })
            }
            Self::Unknown
            | Self::Authorized { .. }
            | Self::Declined { .. }
            | Self::Captured { .. }
            | Self::Voided(_) => None,
        }
    }

    /// The phase after `event`. An event that does not fit changes nothing: `decide` never makes one.
    fn after(self, event: &Event) -> Self {
        match event {
            Event::AuthorizationRequested(requested) => Self::Authorizing {
                amount: requested.amount,
                payment_token: requested.payment_token.clone(),
                void_asked: false,
            },
            Event::VoidDeferred(_) => self.void_deferred(),
            Event::PaymentAuthorized(authorized) => Self::Authorized {
                amount: authorized.amount,
                provider_reference: authorized.provider_reference.clone(),
            },
            Event::PaymentDeclined(declined) => self.declined(&declined.reason),
            Event::CaptureRequested(_) => self.capturing(),
            Event::PaymentCaptured(captured) => Self::Captured { amount: captured.amount },
            Event::CaptureFailed(failed) => self.capture_failed(&failed.reason),
            Event::VoidRequested(_) => self.voiding(),
            Event::PaymentVoided(_) => self.voided(),
        }
    }

    fn void_deferred(self) -> Self {
        let Self::Authorizing { amount, payment_token, void_asked: _ } = self else { return self };
        Self::Authorizing { amount, payment_token, void_asked: true }
    }

    fn declined(self, reason: &Reason) -> Self {
        let Self::Authorizing { amount, .. } = self else { return self };
        Self::Declined { amount, reason: reason.clone() }
    }

    fn capturing(self) -> Self {
        let Self::Authorized { amount, provider_reference } = self else { return self };
        Self::Capturing { amount, provider_reference }
    }

    /// A refused capture is followed by a void in the same decision.
    fn capture_failed(self, reason: &Reason) -> Self {
        let Self::Capturing { amount, provider_reference } = self else { return self };
        Self::Voiding { amount, provider_reference, capture_failure: Some(reason.clone()) }
    }

    /// After a refused capture the payment is voiding already.
    fn voiding(self) -> Self {
        let Self::Authorized { amount, provider_reference } = self else { return self };
        Self::Voiding { amount, provider_reference, capture_failure: None }
    }

    fn voided(self) -> Self {
        match self {
            Self::Unknown => Self::Voided(VoidedAfter::Nothing),
            Self::Declined { amount, reason } => Self::Voided(VoidedAfter::Decline { amount, reason }),
            Self::Voiding { amount, provider_reference: _, capture_failure } => {
                Self::Voided(VoidedAfter::Authorization { amount, capture_failure })
            }
            Self::Authorizing { .. }
            | Self::Authorized { .. }
            | Self::Capturing { .. }
            | Self::Captured { .. }
            | Self::Voided(_) => self,
        }
    }
}
