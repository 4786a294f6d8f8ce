//! Every pair of state and command, decided.
//!
//! An outcome counts only in the one phase in which its own operation is open: a worker that lost its partition may bring
//! one late, or bring it again. A message of the saga that repeats what has been acted upon leads to nothing; one that no path of
//! the saga leads to is [`Rejection::Impossible`].

use bowline_kernel::{Money, OrderId, PaymentToken};
use chrono::{DateTime, Utc};

use crate::event::{
    AuthorizationRequested, CaptureFailed, CaptureRequested, PaymentAuthorized, PaymentCaptured,
    PaymentDeclined, PaymentVoided, VoidDeferred, VoidRequested,
};
use crate::{Command, Event, FailedCalls, Phase, ProviderReference, Reason, Rejection, State, VoidedAfter};

type Decision = Result<Vec<Event>, Rejection>;

/// Late, repeated, or the outcome of an operation that is not open: there is nothing to do.
const NOTHING: Decision = Ok(Vec::new());

pub(crate) fn decide(state: &State, command: Command) -> Decision {
    let phase = state.phase();
    let impossible = Rejection::Impossible { state: state.name(), message: command.name() };
    match command {
        Command::StockReserved { order_id, total, payment_token, at } => {
            Ok(authorize(phase, order_id, total, payment_token, at))
        }
        Command::OrderConfirmed { at } => capture(phase, impossible, at),
        Command::VoidPayment { at } => void(phase, impossible, at),
        Command::Authorized { provider_reference, failed_calls, at } => {
            Ok(authorized(phase, provider_reference, failed_calls, at))
        }
        Command::AuthorizationDeclined { reason, failed_calls, at } => {
            Ok(declined(phase, reason, failed_calls, at))
        }
        Command::Captured { failed_calls, at } => Ok(captured(phase, failed_calls, at)),
        Command::CaptureRefused { reason, failed_calls, at } => {
            Ok(capture_refused(phase, reason, failed_calls, at))
        }
        Command::Voided { failed_calls, at } => Ok(void_done(phase, failed_calls, at)),
    }
}

fn authorize(
    phase: &Phase,
    order_id: OrderId,
    amount: Money,
    payment_token: PaymentToken,
    at: DateTime<Utc>,
) -> Vec<Event> {
    match phase {
        Phase::Unknown => vec![Event::AuthorizationRequested(AuthorizationRequested {
            order_id,
            amount,
            payment_token,
            requested_at: at,
        })],
        // Repeated; or voided before it was asked, and then the tombstone stands and nothing is said.
        Phase::Voided(_)
        | Phase::Authorizing { .. }
        | Phase::Authorized { .. }
        | Phase::Declined { .. }
        | Phase::Capturing { .. }
        | Phase::Captured { .. }
        | Phase::Voiding { .. } => vec![],
    }
}

fn capture(phase: &Phase, impossible: Rejection, at: DateTime<Utc>) -> Decision {
    match phase {
        Phase::Authorized { .. } => Ok(vec![Event::CaptureRequested(CaptureRequested { requested_at: at })]),
        Phase::Capturing { .. } | Phase::Captured { .. } => NOTHING,
        Phase::Voiding { capture_failure, .. }
        | Phase::Voided(VoidedAfter::Authorization { capture_failure, .. }) => match capture_failure {
            Some(_) => NOTHING,
            None => Err(impossible),
        },
        Phase::Unknown
        | Phase::Authorizing { .. }
        | Phase::Declined { .. }
        | Phase::Voided(VoidedAfter::Nothing | VoidedAfter::Decline { .. }) => Err(impossible),
    }
}

fn void(phase: &Phase, impossible: Rejection, at: DateTime<Utc>) -> Decision {
    match phase {
        Phase::Unknown => Ok(vec![voided(None, FailedCalls::default(), at)]),
        Phase::Authorizing { void_asked: false, .. } => {
            Ok(vec![Event::VoidDeferred(VoidDeferred { deferred_at: at })])
        }
        Phase::Authorized { .. } => Ok(vec![void_requested(at)]),
        Phase::Declined { amount, .. } => {
            Ok(vec![voided(Some(Money::zero(amount.currency)), FailedCalls::default(), at)])
        }
        // A refused capture is voided unasked; that void answers whoever asks as well.
        Phase::Authorizing { void_asked: true, .. } | Phase::Voiding { .. } | Phase::Voided(_) => NOTHING,
        // Only a confirmed order is captured, and orders gives up no confirmed order.
        Phase::Capturing { .. } | Phase::Captured { .. } => Err(impossible),
    }
}

fn authorized(
    phase: &Phase,
    provider_reference: ProviderReference,
    failed_calls: FailedCalls,
    at: DateTime<Utc>,
) -> Vec<Event> {
    let Phase::Authorizing { amount, void_asked, .. } = phase else { return vec![] };
    let event = PaymentAuthorized { amount: *amount, provider_reference, authorized_at: at, failed_calls };
    let mut events = vec![Event::PaymentAuthorized(event)];
    if *void_asked {
        events.push(void_requested(at));
    }
    events
}

fn declined(phase: &Phase, reason: Reason, failed_calls: FailedCalls, at: DateTime<Utc>) -> Vec<Event> {
    let Phase::Authorizing { amount, void_asked, .. } = phase else { return vec![] };
    let event = PaymentDeclined { reason, declined_at: at, failed_calls };
    let mut events = vec![Event::PaymentDeclined(event)];
    if *void_asked {
        events.push(voided(Some(Money::zero(amount.currency)), FailedCalls::default(), at));
    }
    events
}

fn captured(phase: &Phase, failed_calls: FailedCalls, at: DateTime<Utc>) -> Vec<Event> {
    let Phase::Capturing { amount, .. } = phase else { return vec![] };
    vec![Event::PaymentCaptured(PaymentCaptured { amount: *amount, captured_at: at, failed_calls })]
}

fn capture_refused(
    phase: &Phase,
    reason: Reason,
    failed_calls: FailedCalls,
    at: DateTime<Utc>,
) -> Vec<Event> {
    let Phase::Capturing { .. } = phase else { return vec![] };
    let event = CaptureFailed { reason, failed_at: at, failed_calls };
    vec![Event::CaptureFailed(event), void_requested(at)]
}

fn void_done(phase: &Phase, failed_calls: FailedCalls, at: DateTime<Utc>) -> Vec<Event> {
    let Phase::Voiding { amount, .. } = phase else { return vec![] };
    vec![voided(Some(*amount), failed_calls, at)]
}

const fn void_requested(at: DateTime<Utc>) -> Event {
    Event::VoidRequested(VoidRequested { requested_at: at })
}

const fn voided(amount: Option<Money>, failed_calls: FailedCalls, at: DateTime<Utc>) -> Event {
    Event::PaymentVoided(PaymentVoided { amount, voided_at: at, failed_calls })
}
