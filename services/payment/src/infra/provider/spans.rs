//! The spans of calls to the provider, in sampled traces.

use bowline_traces::{Kind, Span, follow};

use super::Trouble;
use crate::app::intent::Intent;

/// Begins the span of a call. `route` is its method and path, without what tells one call from another.
pub(super) fn of_call(intent: &Intent, route: &'static str) -> Option<Span> {
    let mut span = follow(intent.traceparent.as_deref(), Kind::Client, || route.to_owned())?;
    if let Some((method, template)) = route.split_once(' ') {
        span.set("http.request.method", method);
        span.set("url.template", template);
    }
    Some(span)
}

/// The provider has answered with this status, or not at all.
pub(super) fn answered(span: &mut Option<Span>, status: Result<u16, &Trouble>) {
    let Some(span) = span else { return };
    match status {
        Ok(status) => {
            span.set("http.response.status_code", i64::from(status));
            if status >= 400 {
                span.fail(format!("HTTP status {status}"));
            }
        }
        Err(trouble) => span.fail(trouble.reason().to_string()),
    }
}
