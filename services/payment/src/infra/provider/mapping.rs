//! From the provider's decided operation to our outcome.

use bowline_kernel::Money;
use bowline_payment_domain::{Operation, OperationKind, ProviderReference, Reason};

use super::wire::{self, Kind, Verdict};
use super::{Trouble, amount};
use crate::app::intent::Intent;
use crate::app::record_outcome::Outcome;

/// What the provider has decided about the intent.
///
/// The document must be about the very operation that was meant; one that differs is never taken for its outcome.
pub(super) fn outcome(intent: &Intent, key: &str, document: &wire::Operation) -> Result<Outcome, Trouble> {
    let differs = |field| Err(Trouble::Contradiction(field));
    if document.idempotency_key != key {
        return differs("idempotency key");
    }
    if document.kind != kind(intent.operation.kind()) {
        return differs("kind");
    }
    if document.merchant_reference != intent.order_id.to_string() {
        return differs("merchant reference");
    }
    if charge(&intent.operation).is_some_and(|reference| reference.as_str() != document.charge_id) {
        return differs("charge");
    }
    if document.result == Verdict::Done && read(&document.amount) != Some(amount_of(&intent.operation)) {
        return differs("amount");
    }
    decided(&intent.operation, document)
}

fn decided(operation: &Operation, document: &wire::Operation) -> Result<Outcome, Trouble> {
    Ok(match (operation, document.result) {
        (Operation::Authorize { .. }, Verdict::Done) => Outcome::Authorized {
            provider_reference: document.charge_id.parse().map_err(|_| Trouble::Contradiction("charge"))?,
        },
        (Operation::Authorize { .. }, Verdict::Refused) => Outcome::Declined { reason: reason(document) },
        (Operation::Capture { .. }, Verdict::Done) => Outcome::Captured,
        (Operation::Capture { .. }, Verdict::Refused) => Outcome::CaptureRefused { reason: reason(document) },
        (Operation::Void { .. }, Verdict::Done) => Outcome::Voided,
        // The only reason to refuse a release: nothing is held any more, which is what we want.
        (Operation::Void { .. }, Verdict::Refused) if document.reason.as_deref() == Some("nothing_held") => {
            Outcome::Voided
        }
        (Operation::Void { .. }, Verdict::Refused) => return Err(Trouble::Contradiction("reason")),
    })
}

/// The provider's reason in our words.
fn reason(document: &wire::Operation) -> Reason {
    let ours = match document.reason.as_deref() {
        Some("insufficient_funds") => "insufficient_funds",
        Some("expired_card") => "card_expired",
        Some("lost_card") => "card_lost",
        Some("suspected_fraud") => "fraud_suspected",
        Some("do_not_honour") => "refused_by_issuer",
        Some("settlement_refused") => "capture_refused_by_issuer",
        Some("nothing_held") => "authorization_gone",
        Some("exceeds_held") => "exceeds_authorization",
        Some(_) | None => return Reason::unspecified(),
    };
    ours.parse().expect("our own words are reasons")
}

const fn kind(operation: OperationKind) -> Kind {
    match operation {
        OperationKind::Authorize => Kind::Hold,
        OperationKind::Capture => Kind::Settle,
        OperationKind::Void => Kind::Release,
    }
}

const fn charge(operation: &Operation) -> Option<&ProviderReference> {
    match operation {
        Operation::Authorize { .. } => None,
        Operation::Capture { provider_reference, .. } | Operation::Void { provider_reference, .. } => {
            Some(provider_reference)
        }
    }
}

const fn amount_of(operation: &Operation) -> Money {
    match operation {
        Operation::Authorize { amount, .. }
        | Operation::Capture { amount, .. }
        | Operation::Void { amount, .. } => *amount,
    }
}

fn read(text: &wire::AmountText) -> Option<Money> {
    amount::money(&text.value, &text.iso)
}

#[cfg(test)]
mod tests;
