//! Spans, and what begins them.

use std::borrow::Cow;
use std::sync::OnceLock;

use opentelemetry::trace::{
    Link, Span as _, SpanContext, SpanKind, Status, TraceContextExt as _, Tracer as _,
};
use opentelemetry::{Context, KeyValue, Value};
use opentelemetry_sdk::trace::SdkTracer;

use crate::context::{self, is_sampled};

/// Where spans go; empty in a process that exports none.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// A piece of work in a sampled trace. It ends when it is dropped.
#[derive(Debug)]
pub struct Span {
    span: opentelemetry_sdk::trace::Span,
    traceparent: String,
}

/// What kind of work a span is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Answering a call.
    Server,
    /// Calling somebody else.
    Client,
    /// Sending a message.
    Producer,
    /// Applying a message.
    Consumer,
    /// Anything within a process.
    Internal,
}

/// Exports spans through `tracer` from now on; false if another one was there already.
pub(crate) fn install(tracer: SdkTracer) -> bool {
    TRACER.set(tracer).is_ok()
}

/// Begins a span below `traceparent`, if its trace is sampled and this process exports.
pub fn follow(traceparent: Option<&str>, kind: Kind, name: impl FnOnce() -> String) -> Option<Span> {
    let tracer = TRACER.get().filter(|_| is_sampled(traceparent))?;
    let parent = traceparent.and_then(context::read)?;
    Some(begin(tracer, Some(parent), kind, name(), Vec::new()))
}

/// Begins the span of a call that has come in with `traceparent`, or without one. What the sampler decides is what the
/// second value says to whoever handles the call: its `traceparent`, if it is to be another one than it came with.
pub fn begin_call(
    traceparent: Option<&str>,
    name: impl FnOnce() -> String,
) -> (Option<Span>, Option<String>) {
    let Some(tracer) = TRACER.get() else { return (None, None) };
    let parent = traceparent.and_then(context::read);
    let asked = parent.as_ref().filter(|parent| parent.is_sampled()).map(context::unsampled);
    let span = begin(tracer, parent, Kind::Server, name(), Vec::new());
    if span.span.span_context().is_sampled() {
        let traceparent = span.traceparent.clone();
        (Some(span), Some(traceparent))
    } else {
        (None, asked)
    }
}

/// Begins the span of a batch, in a trace of its own that links to each of these `traceparents` that is sampled; `None`
/// if none is.
pub fn batch<'t>(
    name: &'static str,
    traceparents: impl IntoIterator<Item = Option<&'t str>>,
) -> Option<Span> {
    let tracer = TRACER.get()?;
    let sampled = traceparents.into_iter().filter(|traceparent| is_sampled(*traceparent)).flatten();
    let links: Vec<Link> = sampled.filter_map(context::read).map(Link::with_context).collect();
    (!links.is_empty()).then(|| begin(tracer, None, Kind::Internal, name.to_owned(), links))
}

fn begin(
    tracer: &SdkTracer,
    parent: Option<SpanContext>,
    kind: Kind,
    name: String,
    links: Vec<Link>,
) -> Span {
    let parent = parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
    let builder = tracer.span_builder(name).with_kind(kind.into()).with_links(links);
    let span = builder.start_with_context(tracer, &parent);
    let traceparent = context::write(span.span_context());
    Span { span, traceparent }
}

impl Span {
    /// What goes with the work that follows from this one.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// Says one more thing about it.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        self.span.set_attribute(KeyValue::new(key, value));
    }

    /// Something has happened meanwhile, for this reason.
    pub fn note(&mut self, event: &'static str, reason: &'static str) {
        self.span.add_event(event, vec![KeyValue::new("reason", reason)]);
    }

    /// It has something to do with another span, in this trace or in another.
    pub fn link(&mut self, other: &Self) {
        self.span.add_link(other.span.span_context().clone(), Vec::new());
    }

    /// It has failed. The reason is shown to whoever may see traces.
    pub fn fail(&mut self, reason: impl Into<Cow<'static, str>>) {
        self.span.set_status(Status::error(reason));
    }
}

impl From<Kind> for SpanKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Server => Self::Server,
            Kind::Client => Self::Client,
            Kind::Producer => Self::Producer,
            Kind::Consumer => Self::Consumer,
            Kind::Internal => Self::Internal,
        }
    }
}
