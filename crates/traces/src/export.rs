//! From the end of a span to the collector.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bowline_metrics::{Metric, Source, Telling};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, Span, SpanData, SpanExporter,
    SpanProcessor,
};
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};

use crate::sampler::AtCalls;
use crate::settings::{SamplerName, TraceSettings};
use crate::span::install;

const SPANS: Metric = Metric::counter(
    "bowline_trace_spans_total",
    "Spans that have ended, by what became of them: exported, failed, or dropped because too many waited",
);
const WAITING: Metric =
    Metric::gauge("bowline_trace_spans_waiting", "Spans that have ended and wait to be exported");

/// Why nothing can be exported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings do not make an exporter.
    #[error("no exporter of traces can be made")]
    Exporter(#[from] ExporterBuildError),
    /// This process exports already.
    #[error("this process exports traces already")]
    Twice,
}

/// The export of a process. Clones share it.
#[derive(Debug, Clone)]
pub struct Traces {
    /// `None` if nothing is exported.
    provider: Option<SdkTracerProvider>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    exported: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    waiting: AtomicUsize,
}

impl Traces {
    /// Exports the spans of this process from now on, if the settings say where to. To be called on a runtime, which
    /// connects when there is something to export; the collector may be away.
    pub fn start(service: &'static str, instance: &str, settings: &TraceSettings) -> Result<Self, Error> {
        let counts = Arc::new(Counts::default());
        let Some(endpoint) = &settings.endpoint else { return Ok(Self { provider: None, counts }) };
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint.as_str())
            .with_timeout(settings.timeout)
            .with_metadata(metadata(settings))
            .build()?;
        let exporter = Delivering {
            inner: exporter,
            counts: Arc::clone(&counts),
            failing: AtomicBool::new(false),
            process: tracing::Span::current(),
        };
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(settings.queue_max)
            .with_max_export_batch_size(settings.batch_max)
            .with_scheduled_delay(settings.schedule_delay);
        let inner = BatchSpanProcessor::builder(exporter).with_batch_config(batches.build()).build();
        let (waiting_max, shared) = (settings.queue_max, Arc::clone(&counts));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(Bounded { inner, counts: shared, waiting_max })
            .with_sampler(AtCalls(sampler(settings)))
            .with_resource(resource(service, instance, settings))
            .build();
        if !install(provider.tracer("bowline")) {
            return Err(Error::Twice);
        }
        tracing::info!(endpoint = %endpoint.origin().ascii_serialization(), sampler = ?settings.sampler, ratio = settings.ratio, "traces are exported");
        Ok(Self { provider: Some(provider), counts })
    }

    /// Exports what has ended so far, for no longer than `limit`, and nothing any more after that.
    pub async fn finish(&self, limit: Duration) {
        let Some(provider) = self.provider.clone() else { return };
        let finished = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(limit)).await;
        if !matches!(finished, Ok(Ok(()))) {
            tracing::warn!("the last spans were not exported: the collector is away or slow");
        }
    }
}

impl Source for Traces {
    fn tell(&self, to: &mut Telling<'_>) -> fmt::Result {
        let Counts { exported, failed, dropped, waiting } = &*self.counts;
        let outcomes = [("exported", exported), ("failed", failed), ("dropped", dropped)];
        to.all(
            SPANS,
            outcomes.map(|(outcome, count)| ([("outcome", outcome)], count.load(Ordering::Relaxed))),
        )?;
        to.one(WAITING, waiting.load(Ordering::Relaxed))
    }
}

/// Who takes the queue no further than to its bound, so that each span that is dropped is counted.
#[derive(Debug)]
struct Bounded {
    inner: BatchSpanProcessor,
    counts: Arc<Counts>,
    waiting_max: usize,
}

impl SpanProcessor for Bounded {
    fn on_start(&self, _span: &mut Span, _parent: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.counts.waiting.fetch_add(1, Ordering::AcqRel) >= self.waiting_max {
            self.counts.waiting.fetch_sub(1, Ordering::AcqRel);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            self.inner.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Who counts what the exporter brings to the collector, and says when it cannot.
#[derive(Debug)]
struct Delivering<E> {
    inner: E,
    counts: Arc<Counts>,
    failing: AtomicBool,
    /// For the lines of a thread of its own.
    process: tracing::Span,
}

impl<E: SpanExporter> SpanExporter for Delivering<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        self.counts.waiting.fetch_sub(spans, Ordering::AcqRel);
        let outcome = self.inner.export(batch).await;
        let (count, failed) = match &outcome {
            Ok(()) => (&self.counts.exported, false),
            Err(_) => (&self.counts.failed, true),
        };
        count.fetch_add(spans as u64, Ordering::Relaxed);
        let failed_before = self.failing.swap(failed, Ordering::Relaxed);
        self.process.in_scope(|| match &outcome {
            Err(error) if !failed_before => {
                tracing::warn!(%error, spans, "spans cannot be exported, and are lost until they can");
            }
            Ok(()) if failed_before => tracing::info!("spans are exported again"),
            _ => {}
        });
        outcome
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

fn metadata(settings: &TraceSettings) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    for (name, value) in &settings.headers.expose().0 {
        let name = AsciiMetadataKey::from_bytes(name.to_lowercase().as_bytes());
        if let (Ok(name), Ok(mut value)) = (name, AsciiMetadataValue::try_from(value)) {
            value.set_sensitive(true);
            metadata.insert(name, value);
        }
    }
    metadata
}

fn sampler(settings: &TraceSettings) -> Sampler {
    let ratio = Sampler::TraceIdRatioBased(settings.ratio);
    let parent_based = |root: Sampler| Sampler::ParentBased(Box::new(root));
    match settings.sampler {
        SamplerName::AlwaysOn => Sampler::AlwaysOn,
        SamplerName::AlwaysOff => Sampler::AlwaysOff,
        SamplerName::TraceIdRatio => ratio,
        SamplerName::ParentBasedAlwaysOn => parent_based(Sampler::AlwaysOn),
        SamplerName::ParentBasedAlwaysOff => parent_based(Sampler::AlwaysOff),
        SamplerName::ParentBasedTraceIdRatio => parent_based(ratio),
    }
}

/// What is said about the process. What the settings say wins over what the program says.
fn resource(service: &'static str, instance: &str, settings: &TraceSettings) -> Resource {
    let own = [
        ("service.name", service.to_owned()),
        ("service.namespace", "bowline".to_owned()),
        ("service.instance.id", instance.to_owned()),
        ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    let own = own.map(|(name, value)| KeyValue::new(name, value));
    let given = settings.attributes.0.iter().cloned().map(|(name, value)| KeyValue::new(name, value));
    let name = settings.service_name.clone().map(|name| KeyValue::new("service.name", name));
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(own)
        .with_attributes(given)
        .with_attributes(name)
        .build()
}
