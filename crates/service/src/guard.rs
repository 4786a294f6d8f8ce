//! What every gRPC call passes on its way in: admission, span, deadline, panic, count.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use http::{HeaderMap, Request, Response};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span};

use crate::body::Answer;
use crate::forwarding::Deadline;
use crate::metrics::{Call, Calls};
use crate::{ApiError, ErrorKind, LimitSettings, TraceId, Violations};

/// Answering this much before the caller gives up lets the answer still arrive.
const MARGIN: Duration = Duration::from_millis(5);
/// The service that tells the status.
const STATUS: &str = bowline_contracts::common::v1::status_service_server::SERVICE_NAME;
/// A caller that was refused for load waits at least this long.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Guards all calls of one server.
#[derive(Clone)]
pub(crate) struct Guard {
    shared: Arc<Shared>,
}

/// A server behind its guard.
#[derive(Clone)]
pub(crate) struct Guarded<S> {
    inner: S,
    shared: Arc<Shared>,
}

struct Shared {
    limits: LimitSettings,
    places: Arc<Semaphore>,
    /// When it is cancelled, streams end.
    closing: CancellationToken,
    calls: Calls,
    process: Span,
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Guard {
    /// Spans of calls lie in the span that is current here.
    pub(crate) fn new(limits: LimitSettings, closing: CancellationToken, calls: Calls) -> Self {
        let places = Arc::new(Semaphore::new(limits.requests_in_flight_max));
        Self { shared: Arc::new(Shared { limits, places, closing, calls, process: Span::current() }) }
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, shared: Arc::clone(&self.shared) }
    }
}

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answering;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Answering {
        let shared = Arc::clone(&self.shared);
        let mut call = shared.calls.begin(request.uri().path());
        let exempt = answers_under_any_load(request.uri().path());
        if !exempt {
            call.trace(request.headers_mut());
        }
        let place = if exempt {
            None
        } else if let Ok(place) = Arc::clone(&shared.places).try_acquire_owned() {
            Some(place)
        } else {
            return Box::pin(std::future::ready(Ok(refused(&mut call, &shared.overloaded()))));
        };
        let trace_id = TraceId::of(request.headers());
        request.extensions_mut().insert(trace_id);
        let span =
            tracing::info_span!(parent: &shared.process, "grpc", method = request.uri().path(), %trace_id);
        let limit = shared.time_for(request.headers());
        if let Some(deadline) = Instant::now().checked_add(limit) {
            request.extensions_mut().insert(Deadline(deadline));
        }
        // The instance that was polled ready is the one to call; the clone takes its place.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let answering = async move {
            let _place = place;
            let answered = AssertUnwindSafe(async move { inner.call(request).await }).catch_unwind();
            let response = match tokio::time::timeout(limit, answered).await {
                Ok(Ok(Ok(response))) => shared.checked(response, call),
                Ok(Err(_)) => refused(&mut call, &ApiError::internal("the handler panicked").into()),
                Err(_) => refused(&mut call, &too_late(limit)),
            };
            Ok(response)
        };
        Box::pin(answering.instrument(span))
    }
}

impl Shared {
    fn overloaded(&self) -> Status {
        let most = self.limits.requests_in_flight_max;
        let text = format!("more than {most} calls are in flight");
        ApiError::new(ErrorKind::Exhausted, "OVERLOADED", text).retry_after(RETRY_AFTER).into()
    }

    fn time_for(&self, headers: &HeaderMap) -> Duration {
        let callers =
            headers.get("grpc-timeout").and_then(|value| value.to_str().ok()).and_then(grpc_timeout);
        match callers {
            Some(time) => time.saturating_sub(MARGIN).min(self.limits.request_timeout),
            None => self.limits.request_timeout,
        }
    }

    fn checked(&self, response: Response<Body>, mut call: Call) -> Response<Body> {
        if let Some(status) = self.too_large(response.headers()) {
            return refused(&mut call, &status);
        }
        // An answer without a message has its status among the headers.
        if let Some(status) = Status::from_header_map(response.headers()) {
            call.ended(status.code());
        }
        response.map(|body| Body::new(Answer::new(body, self.closing.clone(), call)))
    }

    /// The generated servers call a message above the limit OUT_OF_RANGE and name no field.
    fn too_large(&self, headers: &HeaderMap) -> Option<Status> {
        let status = Status::from_header_map(headers).filter(|status| status.code() == Code::OutOfRange)?;
        if !status.message().contains("decoded message length too large") {
            return None;
        }
        let mut violations = Violations::new();
        let most = self.limits.message_size_max;
        violations.add("request", format!("must have at most {most} bytes"));
        violations.finish().err().map(Status::from)
    }
}

/// Health, reflection and the status, which is asked for when there is too much load.
fn answers_under_any_load(path: &str) -> bool {
    path.starts_with("/grpc.") || path.strip_prefix('/').is_some_and(|path| path.starts_with(STATUS))
}

fn refused(call: &mut Call, status: &Status) -> Response<Body> {
    call.ended(status.code());
    status.clone().into_http()
}

fn too_late(limit: Duration) -> Status {
    let text = format!("no answer within {} ms; the outcome is unknown", limit.as_millis());
    ApiError::new(ErrorKind::Deadline, "DEADLINE_EXCEEDED", text).into()
}

/// Up to eight digits and a unit, as the gRPC protocol over HTTP/2 defines the header.
fn grpc_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let amount = digits.parse::<u64>().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3_600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_of_two_deadlines_wins() {
        let second = Duration::from_secs(1);
        let limits =
            LimitSettings { message_size_max: 1, request_timeout: second, requests_in_flight_max: 1 };
        let guard = Guard::new(limits, CancellationToken::new(), Calls::default());
        let time_for = |header: Option<&'static str>| {
            let headers = header.map(|text| ("grpc-timeout", text));
            let headers = headers.into_iter().map(|(name, text)| {
                (http::HeaderName::from_static(name), http::HeaderValue::from_static(text))
            });
            guard.shared.time_for(&headers.collect())
        };
        assert_eq!(time_for(Some("105m")), Duration::from_millis(100));
        assert_eq!(time_for(Some("2m")), Duration::ZERO);
        assert_eq!([time_for(Some("5S")), time_for(Some("soon")), time_for(None)], [second; 3]);
    }

    #[test]
    fn deadlines_are_read_as_the_protocol_says() {
        assert_eq!(grpc_timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(grpc_timeout("99999999H"), Some(Duration::from_hours(99_999_999)));
        for wrong in ["", "m", "1", "1x", "123456789S", "-1S", "1é"] {
            assert_eq!(grpc_timeout(wrong), None, "{wrong}");
        }
    }
}
