//! Payment: its real decider, what it publishes, what it makes of outcomes, and its worker.

use bowline_kernel::Decider;
use bowline_payment_domain::{Command, Event, FailedCalls, Operation, OperationKind, PaymentDecider, Reason};

use super::message::Message;
use super::provider::Verdict;
use super::world::{AT, Saga};

/// What the worker does about the open operation. All of it is memory: a crash makes it idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Worker {
    /// Nothing: no operation is open, or it lies in the table and nobody has taken it up yet.
    Idle,
    /// Asks the provider whether it has decided.
    Ask,
    /// Tells the provider the operation.
    Send,
    /// Waits for the provider's answer.
    Wait,
}

/// Keeps `events` and returns what is published with them. An operation that they open is handed to the worker after the
/// commit, as in `services/payment/src/app/execute.rs`.
pub(crate) fn store(saga: &mut Saga, events: &[Event]) -> Vec<Message> {
    let before = open(saga);
    for event in events {
        let state = std::mem::replace(&mut saga.payment, PaymentDecider::initial());
        saga.payment = PaymentDecider::evolve(state, event);
        saga.payment_version += 1;
    }
    let after = open(saga);
    if before != after {
        saga.worker = if after.is_some() { Worker::Send } else { Worker::Idle };
    }
    events.iter().filter_map(publish).collect()
}

/// The kind of the operation that is open.
pub(crate) fn open(saga: &Saga) -> Option<OperationKind> {
    saga.payment.open_operation().as_ref().map(Operation::kind)
}

/// The original is `services/payment/src/app/publish.rs`.
fn publish(event: &Event) -> Option<Message> {
    match event {
        Event::PaymentAuthorized(event) => Some(Message::PaymentAuthorized { amount: event.amount }),
        Event::PaymentDeclined(_) => Some(Message::PaymentDeclined),
        Event::PaymentCaptured(event) => Some(Message::PaymentCaptured { amount: event.amount }),
        Event::CaptureFailed(_) => Some(Message::PaymentCaptureFailed),
        Event::PaymentVoided(event) => Some(Message::PaymentVoided { amount: event.amount }),
        Event::AuthorizationRequested(_)
        | Event::CaptureRequested(_)
        | Event::VoidDeferred(_)
        | Event::VoidRequested(_) => None,
    }
}

/// The originals are `services/payment/src/infra/provider/mapping.rs` and `services/payment/src/app/record_outcome.rs`.
pub(crate) fn outcome(kind: OperationKind, verdict: Verdict) -> Command {
    let at = AT;
    match (kind, verdict) {
        (OperationKind::Authorize, Verdict::Done) => {
            let provider_reference = "ch_1".parse().expect("it is visible text");
            Command::Authorized { provider_reference, failed_calls: FailedCalls::default(), at }
        }
        (OperationKind::Authorize, Verdict::Refused) => Command::AuthorizationDeclined {
            reason: Reason::unspecified(),
            failed_calls: FailedCalls::default(),
            at,
        },
        (OperationKind::Capture, Verdict::Done) => {
            Command::Captured { failed_calls: FailedCalls::default(), at }
        }
        (OperationKind::Capture, Verdict::Refused) => Command::CaptureRefused {
            reason: Reason::unspecified(),
            failed_calls: FailedCalls::default(),
            at,
        },
        // The only reason to refuse a release: nothing is held any more, which is what we want.
        (OperationKind::Void, Verdict::Done | Verdict::Refused) => {
            Command::Voided { failed_calls: FailedCalls::default(), at }
        }
    }
}
