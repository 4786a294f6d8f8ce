//! Where a call comes from, and what travels with it.

use std::time::Duration;

use tokio::time::Instant;
use tonic::Request;

use crate::TraceId;

/// Marks a call that another replica has forwarded. A caller that sets it has its call executed where it arrives.
pub(super) const FORWARDED: &str = "bowline-forwarded";

/// Of version 00, the only one there is.
const TRACEPARENT_LENGTH: usize = 55;

/// When the answer to a call must have begun; a handler finds it among the extensions of its request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(pub(crate) Instant);

/// What is known of a call beside its message.
#[derive(Debug, Clone)]
pub struct Origin {
    forwarded: bool,
    deadline: Option<Instant>,
    traceparent: Option<String>,
}

impl Origin {
    /// Of a request as a handler gets it.
    pub fn of<T>(request: &Request<T>) -> Self {
        Self {
            forwarded: request.metadata().contains_key(FORWARDED),
            deadline: request.extensions().get().map(|Deadline(deadline)| *deadline),
            traceparent: traceparent(request),
        }
    }

    /// The W3C trace context: the caller's own, or a new one.
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    pub(super) fn is_forwarded(&self) -> bool {
        self.forwarded
    }

    /// How long the caller still waits; without end when it did not come through the guard.
    pub(super) fn time_left(&self) -> Duration {
        self.deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

fn traceparent<T>(request: &Request<T>) -> Option<String> {
    let trace_id = request.extensions().get::<TraceId>()?.to_string();
    let given = request.metadata().get("traceparent").and_then(|value| value.to_str().ok());
    match given {
        // The trace's id was taken from it, so it is well-formed up to there.
        Some(given) if given.len() == TRACEPARENT_LENGTH && given.get(3..35) == Some(&*trace_id) => {
            Some(given.to_owned())
        }
        // The first half of the trace's id is as good a first span as any.
        Some(_) | None => Some(format!("00-{trace_id}-{}-00", &trace_id[..16])),
    }
}
