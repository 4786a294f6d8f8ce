//! Events of payment: what became of the money of an order.

use bowline_contracts::common;
use bowline_contracts::events::PaymentEvent;
use bowline_kernel::Money;
use bowline_projection_domain::{Attempts, PublicEvent};

use super::{Unreadable, fields};

pub(super) fn read(event: PaymentEvent) -> Result<PublicEvent, Unreadable> {
    Ok(match event {
        PaymentEvent::Authorized(authorized) => PublicEvent::PaymentAuthorized {
            attempts: attempts(authorized.attempts, &authorized.last_failure),
            amount: fields::amount("amount", authorized.amount.as_ref())?,
            authorized_at: fields::time("authorized_time", authorized.authorized_time)?,
        },
        PaymentEvent::Declined(declined) => PublicEvent::PaymentDeclined {
            attempts: attempts(declined.attempts, &declined.last_failure),
            reason: declined.reason,
            declined_at: fields::time("declined_time", declined.declined_time)?,
        },
        PaymentEvent::Captured(captured) => PublicEvent::PaymentCaptured {
            attempts: attempts(captured.attempts, &captured.last_failure),
            amount: fields::amount("amount", captured.amount.as_ref())?,
            captured_at: fields::time("captured_time", captured.captured_time)?,
        },
        PaymentEvent::CaptureFailed(failed) => PublicEvent::PaymentCaptureFailed {
            attempts: attempts(failed.attempts, &failed.last_failure),
            reason: failed.reason,
            failed_at: fields::time("failed_time", failed.failed_time)?,
        },
        PaymentEvent::Voided(voided) => PublicEvent::PaymentVoided {
            attempts: attempts(voided.attempts, &voided.last_failure),
            amount: voided_amount(voided.amount.as_ref())?,
            voided_at: fields::time("voided_time", voided.voided_time)?,
        },
    })
}

/// What was let go; `None` when nothing was and the currency was never known.
fn voided_amount(amount: Option<&common::v1::Money>) -> Result<Option<Money>, Unreadable> {
    match amount {
        None => Ok(None),
        Some(nothing) if nothing.currency_code.is_empty() && nothing.amount_minor == 0 => Ok(None),
        known => fields::amount("amount", known).map(Some),
    }
}

fn attempts(count: u32, last_failure: &str) -> Attempts {
    Attempts { count, last_failure: last_failure.to_owned() }
}
