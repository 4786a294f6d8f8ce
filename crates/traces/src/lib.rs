//! Spans of the work that a trace was sampled for, exported over OTLP. The only crate that knows OpenTelemetry.
//!
//! **What it guarantees.** Work whose trace is not sampled costs a look at one byte of its `traceparent`. The sampler is
//! asked about calls alone, where traces begin; whatever a call leads to, in whichever process, follows what was
//! decided there, so that no trace has a hole because two services sample differently. Nothing ever waits for the
//! exporter: its queue is bounded, and what does not fit is dropped and counted ([`Traces`]).
//!
//! **What it does not.** It speaks no TLS, and no OTLP over HTTP: it exports by gRPC to a collector nearby. It keeps
//! nothing back from an exporter that is away, and it exports neither logs nor metrics.
//!
//! **How to add one more span.** Call [`follow`] with the `traceparent` that the work came with; give what the work
//! leads to [`Span::traceparent`] instead. A span ends when it is dropped. What a span says must not name people, and
//! no token of a payment:
//!
//! ```
//! use bowline_traces::{Kind, follow};
//!
//! fn greet(traceparent: Option<&str>) {
//!     let mut span = follow(traceparent, Kind::Internal, || "greet".to_owned());
//!     if let Some(span) = &mut span {
//!         span.set("greeting.length", 5);
//!     }
//! }
//! greet(Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"));
//! ```

mod context;
mod export;
mod options;
mod sampler;
mod settings;
mod span;

pub use context::is_sampled;
pub use export::{Error, Traces};
pub use options::TraceArgs;
pub use settings::{Attributes, Endpoint, Headers, SamplerName, TraceSettings};
pub use span::{Kind, Span, batch, begin_call, follow};
