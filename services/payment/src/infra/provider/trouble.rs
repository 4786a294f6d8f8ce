//! Why there is no outcome, and what that means for the operation.

use bowline_payment_domain::Reason;
use bowline_resilience::Elapsed;

/// Why a call to the provider has not led to an outcome.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// No connection came about: nothing was sent.
    #[error("the provider cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The provider takes no requests now; this one had no effect.
    #[error("the provider takes no requests now: {status} {code}")]
    Away {
        /// The HTTP status.
        status: u16,
        /// The provider's word.
        code: String,
    },
    /// The answer did not come in time: the operation may have taken effect.
    #[error(transparent)]
    TimedOut(#[from] Elapsed),
    /// The connection broke, or what came is no answer: the operation may have taken effect.
    #[error("the provider's answer did not arrive")]
    Lost(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The provider has failed: the operation may have taken effect.
    #[error("the provider failed: {status} {code}")]
    Failed {
        /// The HTTP status.
        status: u16,
        /// The provider's word.
        code: String,
    },
    /// The provider does not accept the request as one: this program or its settings are wrong. No effect.
    #[error("the provider does not accept the request: {status} {code}")]
    NotAccepted {
        /// The HTTP status.
        status: u16,
        /// The provider's word.
        code: String,
    },
    /// The amount has no form that the provider understands. Nothing was sent.
    #[error("the amount cannot be told to the provider")]
    Unspeakable,
    /// The provider has decided another operation under this key than the one that was meant.
    #[error("the provider's record of this operation differs in its {0}")]
    Contradiction(&'static str),
}

/// What to do about a [`Trouble`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// No effect: the same call again, after a while.
    Again,
    /// Perhaps an effect: ask first.
    Ask,
    /// A person has to look; the operation rests meanwhile.
    Alert,
}

impl Trouble {
    /// What to do about it.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Unreachable(_) | Self::Away { .. } => Remedy::Again,
            Self::TimedOut(_) | Self::Lost(_) | Self::Failed { .. } => Remedy::Ask,
            Self::NotAccepted { .. } | Self::Unspeakable | Self::Contradiction(_) => Remedy::Alert,
        }
    }

    /// In a word, for a payment's history.
    pub fn reason(&self) -> Reason {
        self.word().parse().expect("our own words are reasons")
    }

    /// The same word, for the metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Away { .. } => "provider_away",
            Self::TimedOut(_) => "timed_out",
            Self::Lost(_) => "answer_lost",
            Self::Failed { .. } => "provider_failed",
            Self::NotAccepted { .. } => "not_accepted",
            Self::Unspeakable => "amount_unspeakable",
            Self::Contradiction(_) => "contradicted",
        }
    }

    /// Whether it tells that the provider does not work, for the circuit breaker.
    pub fn counts(&self) -> bool {
        self.remedy() != Remedy::Alert
    }

    /// What an HTTP status without a result means. `code` is the provider's word for it, if it has one.
    pub(super) fn of_status(status: u16, code: String) -> Self {
        match status {
            // An earlier request with this key may have had its effect, but then the same key gets the same outcome.
            429 => Self::Away { status, code },
            503 if code == "provider_down" => Self::Away { status, code },
            408 | 500..=599 => Self::Failed { status, code },
            _ => Self::NotAccepted { status, code },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_tells_whether_there_may_be_an_effect() {
        for (status, code, remedy) in [
            (400, "invalid_amount", Remedy::Alert),
            (401, "", Remedy::Alert),
            (404, "unknown_charge", Remedy::Alert),
            (408, "", Remedy::Ask),
            (422, "idempotency_key_reused", Remedy::Alert),
            (429, "", Remedy::Again),
            (500, "internal_error", Remedy::Ask),
            (502, "", Remedy::Ask),
            (503, "provider_down", Remedy::Again),
            (503, "books_closed", Remedy::Ask),
            (302, "", Remedy::Alert),
        ] {
            assert_eq!(Trouble::of_status(status, code.into()).remedy(), remedy, "{status} {code}");
        }
    }
}
