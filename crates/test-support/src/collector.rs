//! A collector of traces in this process: it takes OTLP over gRPC and keeps what it is sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// A span as it arrived.
#[derive(Debug, Clone)]
pub struct Collected {
    /// What is said about the process that it comes from; `service.name` is the service.
    pub resource: BTreeMap<String, String>,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// The span that it follows from.
    pub parent_id: Option<String>,
    /// Its name.
    pub name: String,
    /// Its kind, as the protocol calls it: `SPAN_KIND_SERVER`.
    pub kind: &'static str,
    /// What it says.
    pub attributes: BTreeMap<String, String>,
    /// The names of its events.
    pub events: Vec<String>,
    /// Trace and span of what it links to.
    pub links: Vec<(String, String)>,
    /// Why it failed, if it did.
    pub failed: Option<String>,
}

/// Takes spans until it is dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    kept: Kept,
    _server: JoinSet<Result<(), tonic::transport::Error>>,
}

#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Vec<Collected>>>);

impl Collector {
    /// Listens at any free port.
    pub async fn start() -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into()).await.expect("there are free ports")
    }

    /// Listens at an address.
    pub async fn start_at(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let kept = Kept::default();
        let routes = Server::builder().add_service(TraceServiceServer::new(kept.clone()));
        let mut server = JoinSet::new();
        server.spawn(routes.serve_with_incoming(TcpListenerStream::new(listener)));
        Ok(Self { address, kept, _server: server })
    }

    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many spans have come so far.
    pub fn count(&self) -> usize {
        self.kept.spans().len()
    }

    /// Everything that has come so far.
    pub fn spans(&self) -> Vec<Collected> {
        self.kept.spans().clone()
    }
}

impl Kept {
    fn spans(&self) -> MutexGuard<'_, Vec<Collected>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request.into_inner().resource_spans.into_iter().flat_map(collected);
        self.spans().extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn collected(of_process: ResourceSpans) -> impl Iterator<Item = Collected> {
    let resource = texts(of_process.resource.unwrap_or_default().attributes);
    let spans = of_process.scope_spans.into_iter().flat_map(|scope| scope.spans);
    spans.map(move |span| one(span, resource.clone()))
}

fn one(span: Span, resource: BTreeMap<String, String>) -> Collected {
    let kind = span.kind().as_str_name();
    let status = span.status.unwrap_or_default();
    let failed = (status.code() == StatusCode::Error).then_some(status.message);
    Collected {
        resource,
        trace_id: hexadecimal(&span.trace_id),
        span_id: hexadecimal(&span.span_id),
        parent_id: (!span.parent_span_id.is_empty()).then(|| hexadecimal(&span.parent_span_id)),
        name: span.name,
        kind,
        attributes: texts(span.attributes),
        events: span.events.into_iter().map(|event| event.name).collect(),
        links: span.links.iter().map(|to| (hexadecimal(&to.trace_id), hexadecimal(&to.span_id))).collect(),
        failed,
    }
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Option<AnyValue>| match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(Value::BoolValue(holds)) => holds.to_string(),
        other => format!("{other:?}"),
    };
    attributes.into_iter().map(|attribute| (attribute.key, text(attribute.value))).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
