//! The provider operations that a payment is made of.

use bowline_kernel::{Money, PaymentToken};
use serde::{Deserialize, Serialize};

use crate::{ProviderReference, Reason};

/// A provider operation whose outcome is awaited, with what the provider must be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Hold the amount.
    Authorize {
        /// How much.
        amount: Money,
        /// Of which payment method.
        payment_token: PaymentToken,
    },
    /// Take what is held.
    Capture {
        /// How much.
        amount: Money,
        /// What the provider calls the authorisation.
        provider_reference: ProviderReference,
    },
    /// Let go of what is held.
    Void {
        /// How much.
        amount: Money,
        /// What the provider calls the authorisation.
        provider_reference: ProviderReference,
    },
}

/// The kinds of provider operations; each happens at most once for a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperationKind {
    /// Hold the amount.
    Authorize,
    /// Take what is held.
    Capture,
    /// Let go of what is held.
    Void,
}

/// The calls to the provider for one operation that have led to nothing. None of them says anything about the outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FailedCalls {
    /// How many.
    pub count: u32,
    /// What the last one failed for, for example `timed_out`; `None` when there was none.
    pub last: Option<Reason>,
}

impl FailedCalls {
    /// True when the first call was enough, or nobody has counted.
    pub const fn is_none(&self) -> bool {
        self.count == 0
    }

    /// One more.
    pub fn add(&mut self, why: Reason) {
        self.count = self.count.saturating_add(1);
        self.last = Some(why);
    }
}

impl Operation {
    /// The operation's kind.
    pub const fn kind(&self) -> OperationKind {
        match self {
            Self::Authorize { .. } => OperationKind::Authorize,
            Self::Capture { .. } => OperationKind::Capture,
            Self::Void { .. } => OperationKind::Void,
        }
    }
}

impl OperationKind {
    /// The kind's name, part of the provider's idempotency key: never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Authorize, Self::Capture, Self::Void].into_iter().find(|kind| kind.name() == name)
    }
}
