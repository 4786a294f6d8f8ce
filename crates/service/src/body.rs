use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::body::Body;
use tonic::{Code, Status};

use crate::metrics::Call;
use crate::{ApiError, ErrorKind};

/// The body of an answer that ends with a status of its own if it panics, or if it is a stream with nothing to send
/// while the server closes. Without it one open stream would hold the server until the deadline of the drain.
pub(crate) struct Answer {
    inner: Body,
    closing: CancellationToken,
    /// Made when the body first has to wait, which the body of a unary answer never does.
    closed: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
    ended: bool,
    call: Call,
}

impl Answer {
    pub(crate) fn new(inner: Body, closing: CancellationToken, call: Call) -> Self {
        Self { inner, closing, closed: None, ended: false, call }
    }

    fn end(&mut self, status: &Status) -> Frame<Bytes> {
        self.ended = true;
        self.call.ended(status.code());
        let mut trailers = HeaderMap::new();
        status.add_header(&mut trailers).expect("a status made here has a text that fits a header");
        Frame::trailers(trailers)
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut this.inner).poll_frame(context)));
        match polled {
            Ok(Poll::Ready(frame)) => {
                if let Some(trailers) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.trailers_ref()) {
                    let code =
                        Status::from_header_map(trailers).map_or(Code::Unknown, |status| status.code());
                    this.call.ended(code);
                }
                return Poll::Ready(frame);
            }
            Ok(Poll::Pending) => {}
            Err(_) => {
                let status = ApiError::internal("the answer panicked").into();
                return Poll::Ready(Some(Ok(this.end(&status))));
            }
        }
        let closing = &this.closing;
        let closed = this.closed.get_or_insert_with(|| Box::pin(closing.clone().cancelled_owned()));
        if closed.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        let status = ApiError::new(ErrorKind::Unavailable, "DRAINING", "this server is stopping").into();
        Poll::Ready(Some(Ok(this.end(&status))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
