//! gRPC calls, by method and by how they ended.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bowline_metrics::{Distribution, Histogram, Metric, Source, Telling};
use bowline_traces::Span;
use http::HeaderMap;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tokio::time::Instant;
use tonic::Code;

use crate::call_trace;

const DURATION: Distribution = Distribution {
    name: "bowline_grpc_call_duration_seconds",
    help: "How long gRPC calls took from their arrival to the end of the answer, by method and code",
};
const IN_FLIGHT: Metric =
    Metric::gauge("bowline_grpc_calls_in_flight", "gRPC calls whose answer has not ended, streams included");

/// In seconds.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// What callers make up is not told: every name costs memory here and in Prometheus.
const UNKNOWN: &str = "unknown";

/// The calls of a process. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Calls {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Those that may be told, such as `bowline.orders.v1.OrdersService/PlaceOrder`.
    methods: OnceLock<HashSet<Arc<str>>>,
    in_flight: AtomicUsize,
    ended: Mutex<HashMap<(Arc<str>, Code), Histogram>>,
}

/// A call that is under way. Dropped without a word, it was cancelled.
#[derive(Debug)]
pub(crate) struct Call {
    calls: Calls,
    /// `None` once it has ended.
    method: Option<Arc<str>>,
    begun: Instant,
    /// If it is sampled.
    span: Option<Span>,
}

impl Calls {
    /// Tells the methods of these encoded descriptors by their names from now on; the first time counts.
    pub(crate) fn know(&self, descriptors: &[&[u8]]) {
        let files = descriptors.iter().filter_map(|encoded| FileDescriptorSet::decode(*encoded).ok());
        let methods = files.flat_map(|set| set.file).flat_map(|file| {
            let package = file.package().to_owned();
            file.service.into_iter().flat_map(move |service| {
                let name = format!("{package}.{}", service.name());
                service.method.into_iter().map(move |method| Arc::from(format!("{name}/{}", method.name())))
            })
        });
        let _ = self.shared.methods.set(methods.collect());
    }

    /// A call to this path has come.
    pub(crate) fn begin(&self, path: &str) -> Call {
        let known = self.shared.methods.get();
        let method = known.and_then(|known| known.get(path.trim_start_matches('/'))).cloned();
        self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        let method = Some(method.unwrap_or_else(|| UNKNOWN.into()));
        Call { calls: self.clone(), method, begun: Instant::now(), span: None }
    }
}

impl Call {
    /// Has it traced, if it is sampled; whoever handles it finds its context among the headers.
    pub(crate) fn trace(&mut self, headers: &mut HeaderMap) {
        self.span = call_trace::begin(self.method.as_deref().unwrap_or(UNKNOWN), headers);
    }

    /// It has ended; what is said later does not count.
    pub(crate) fn ended(&mut self, code: Code) {
        let Some(method) = self.method.take() else { return };
        let Shared { in_flight, ended, .. } = &*self.calls.shared;
        in_flight.fetch_sub(1, Ordering::Relaxed);
        let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
        let durations = ended.entry((method, code)).or_insert_with(|| Histogram::new(&BOUNDS));
        durations.see(self.begun.elapsed().as_secs_f64());
        drop(ended);
        if let Some(span) = self.span.take() {
            call_trace::end(span, code);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.ended(Code::Cancelled);
    }
}

impl Source for Calls {
    fn tell(&self, to: &mut Telling<'_>) -> fmt::Result {
        let ended = self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended: Vec<_> = ended
            .iter()
            .map(|((method, code), durations)| (method, format!("{code:?}"), durations))
            .collect();
        ended.sort_unstable_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        to.distributions(
            DURATION,
            ended.iter().map(|(method, code, durations)| {
                ([("method", &***method), ("code", code.as_str())], *durations)
            }),
        )?;
        to.one(IN_FLIGHT, self.shared.in_flight.load(Ordering::Relaxed))
    }
}
