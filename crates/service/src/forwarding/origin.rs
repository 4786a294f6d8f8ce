//! Where a call comes from, and what travels with it.

use std::time::Duration;

use tokio::time::Instant;
use tonic::Request;

use crate::TraceId;

/// Marks a call that another replica has forwarded. A caller that sets it has its call executed where it arrives.
pub(super) const FORWARDED: &str = "bowline-forwarded";

/// The parts of version 00, the only one there is, in hexadecimal digits: version, trace, span, flags.
const TRACEPARENT_PARTS: [usize; 4] = [2, 32, 16, 2];

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
        // It goes on to every service and stays on the topics, so nothing else may hide in it.
        Some(given) if is_traceparent(given) && given.get(3..35) == Some(&*trace_id) => {
            Some(given.to_owned())
        }
        // The first half of the trace's id is as good a first span as any.
        Some(_) | None => Some(format!("00-{trace_id}-{}-00", &trace_id[..16])),
    }
}

fn is_traceparent(text: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    text.split('-').map(str::len).eq(TRACEPARENT_PARTS) && text.split('-').all(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_taken_from_a_caller_and_nothing_else() {
        let trace_id = TraceId::fresh();
        let taken = |given: String| {
            let mut request = Request::new(());
            request.extensions_mut().insert(trace_id);
            request.metadata_mut().insert("traceparent", given.parse().expect("it is ASCII"));
            traceparent(&request).expect("there is always one")
        };
        let callers = format!("00-{trace_id}-00f067aa0ba902b7-01");
        assert_eq!(taken(callers.clone()), callers);
        let fresh = format!("00-{trace_id}-{}-00", &trace_id.to_string()[..16]);
        for wrong in [
            format!("00-{trace_id}-a password of 16-01"),
            format!("00-{trace_id}-00f067aa0ba902b7-zz"),
            format!("00-{trace_id}-00f067aa0ba902b7-01-more"),
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
        ] {
            assert_eq!(taken(wrong.clone()), fresh, "{wrong}");
        }
    }
}
