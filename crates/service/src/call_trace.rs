//! The spans of gRPC calls, of those that come in and of those that go out.

use bowline_traces::{Kind, Span, begin_call, follow};
use http::{HeaderMap, HeaderValue};
use tonic::metadata::MetadataValue;
use tonic::{Code, Request, Response, Status};

const TRACEPARENT: &str = "traceparent";

/// Begins the span of a call that has come in, if it is sampled. Whoever handles the call finds its context among the
/// headers, in place of the caller's.
pub(crate) fn begin(method: &str, headers: &mut HeaderMap) -> Option<Span> {
    let given = headers.get(TRACEPARENT).and_then(|value| value.to_str().ok());
    let (span, traceparent) = begin_call(given, || method.to_owned());
    if let Some(value) = traceparent.and_then(|text| HeaderValue::try_from(text).ok()) {
        headers.insert(TRACEPARENT, value);
    }
    span.map(|mut span| {
        describe(&mut span, method);
        span
    })
}

/// Ends the span of a call that came in. It has failed if that was our fault, not the caller's.
pub(crate) fn end(mut span: Span, code: Code) {
    span.set("rpc.grpc.status_code", code as i64);
    match code {
        Code::Unknown
        | Code::DeadlineExceeded
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => span.fail(code.description()),
        Code::Ok
        | Code::Cancelled
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::ResourceExhausted
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unauthenticated => {}
    }
}

/// Makes a call to another service part of the trace of `traceparent`: with a span of its own if that is sampled.
/// `method` is its full name, such as `bowline.orders.v1.OrdersService/CancelOrder`.
pub async fn call_below<M, T, F>(
    traceparent: Option<&str>,
    method: &'static str,
    mut request: Request<M>,
    send: impl FnOnce(Request<M>) -> F,
) -> Result<Response<T>, Status>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let mut span = follow(traceparent, Kind::Client, || method.to_owned());
    let below = span.as_ref().map(Span::traceparent).or(traceparent);
    if let Some(value) = below.and_then(|text| MetadataValue::try_from(text).ok()) {
        request.metadata_mut().insert(TRACEPARENT, value);
    }
    let answer = send(request).await;
    if let Some(span) = &mut span {
        describe(span, method);
        let code = answer.as_ref().err().map_or(Code::Ok, Status::code);
        span.set("rpc.grpc.status_code", code as i64);
        if code != Code::Ok {
            span.fail(code.description());
        }
    }
    answer
}

fn describe(span: &mut Span, method: &str) {
    span.set("rpc.system", "grpc");
    if let Some((service, method)) = method.split_once('/') {
        span.set("rpc.service", service.to_owned());
        span.set("rpc.method", method.to_owned());
    }
}
