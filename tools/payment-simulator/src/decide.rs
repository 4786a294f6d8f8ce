//! The provider's rules: what becomes of a request, given the charge as it stands. Pure.

use crate::amount::Amount;
use crate::books::Entry;
use crate::records::{Outcome, Reason};

const DECLINE_PREFIX: &str = "tok_decline";
const SETTLEMENT_REFUSED_PREFIX: &str = "tok_capture_refused";

/// A hold is refused if the token says so, else granted.
pub(crate) fn hold(token: &str, amount: Amount) -> Outcome {
    match decline_reason(token) {
        Some(reason) => Outcome::Refused { amount, reason },
        None => Outcome::Done { amount },
    }
}

/// Without an amount, all that is still held is settled. `drawn` says that the lot fell on this charge to be refused.
pub(crate) fn settle(entry: &Entry, amount: Option<Amount>, drawn: bool) -> Outcome {
    let outstanding = entry.outstanding();
    let amount = amount.unwrap_or(outstanding);
    let barred = entry.settlement_barred || drawn || entry.token.starts_with(SETTLEMENT_REFUSED_PREFIX);
    if outstanding.minor() == 0 {
        Outcome::Refused { amount, reason: Reason::NothingHeld }
    } else if amount.minor() > outstanding.minor() {
        Outcome::Refused { amount, reason: Reason::ExceedsHeld }
    } else if barred {
        Outcome::Refused { amount, reason: Reason::SettlementRefused }
    } else {
        Outcome::Done { amount }
    }
}

/// All that is still held is released.
pub(crate) fn release(entry: &Entry) -> Outcome {
    let amount = entry.outstanding();
    if amount.minor() == 0 {
        Outcome::Refused { amount, reason: Reason::NothingHeld }
    } else {
        Outcome::Done { amount }
    }
}

/// `tok_decline_<reason>…` is declined for that reason, `tok_decline…` of any other kind without one.
fn decline_reason(token: &str) -> Option<Reason> {
    let rest = token.strip_prefix(DECLINE_PREFIX)?;
    let named = [
        ("_insufficient_funds", Reason::InsufficientFunds),
        ("_expired_card", Reason::ExpiredCard),
        ("_lost_card", Reason::LostCard),
        ("_suspected_fraud", Reason::SuspectedFraud),
    ];
    let reason = named.into_iter().find(|(name, _)| rest.starts_with(name)).map(|(_, reason)| reason);
    Some(reason.unwrap_or(Reason::DoNotHonour))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_decides_a_hold() {
        for (token, expected) in [
            ("tok_visa", None),
            ("tok_capture_refused", None),
            ("a tok_decline", None),
            ("tok_decline", Some(Reason::DoNotHonour)),
            ("tok_declined_for_reasons", Some(Reason::DoNotHonour)),
            ("tok_decline_insufficient_funds", Some(Reason::InsufficientFunds)),
            ("tok_decline_expired_card_17", Some(Reason::ExpiredCard)),
            ("tok_decline_lost_card", Some(Reason::LostCard)),
            ("tok_decline_suspected_fraud", Some(Reason::SuspectedFraud)),
        ] {
            assert_eq!(decline_reason(token), expected, "{token}");
        }
    }
}
