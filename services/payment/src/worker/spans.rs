//! The span of an operation in a sampled trace: from the moment it is in hand until its outcome is stored.

use bowline_traces::{Kind, Span, follow};

use crate::app::intent::Intent;
use crate::app::record_outcome::Outcome;

/// Begins it, and has the calls to the provider and what the outcome leads to follow from it.
pub(super) fn of_operation(intent: &mut Intent) -> Option<Span> {
    let operation = intent.operation.kind().name();
    let name = || format!("{operation} payment");
    let mut span = follow(intent.traceparent.as_deref(), Kind::Internal, name)?;
    span.set("bowline.order_id", intent.order_id.to_string());
    intent.traceparent = Some(span.traceparent().to_owned());
    Some(span)
}

/// The provider has decided. That it said no is no failure.
pub(super) fn decided(span: &mut Option<Span>, intent: &Intent, outcome: &Outcome) {
    let Some(span) = span else { return };
    let outcome = match outcome {
        Outcome::Authorized { .. } => "authorized",
        Outcome::Declined { .. } => "declined",
        Outcome::Captured => "captured",
        Outcome::CaptureRefused { .. } => "capture refused",
        Outcome::Voided => "voided",
    };
    span.set("bowline.outcome", outcome);
    span.set("bowline.failed_calls", i64::from(intent.failed_calls.count));
}

/// Somebody else goes on.
pub(super) fn given_up(span: &mut Option<Span>) {
    if let Some(span) = span {
        span.fail("left to the next owner of the partition");
    }
}
