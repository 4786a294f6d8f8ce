use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use bowline_contracts::common::v1::dead_letter_service_server::DeadLetterServiceServer;
use bowline_contracts::common::v1::heard_lane_service_server::HeardLaneServiceServer;
use bowline_contracts::common::v1::lane_service_server::LaneServiceServer;
use bowline_contracts::common::v1::status_service_server::StatusServiceServer;
use bowline_kernel::{Clock as _, SystemClock};
use bowline_messaging::{DeadLetters, HeardLanes, LaneReader};
use bowline_metrics::Metrics;
use bowline_resilience::{Breaker, Valve};
use bowline_traces::Traces;
use chrono::{DateTime, Utc};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::dead_letter_service::DeadLetterApi;
use crate::heard_lane_service::HeardLaneApi;
use crate::http_server::routes;
use crate::lane_service::Lanes;
use crate::metrics::{Calls, Dependencies};
use crate::readiness::Phase;
use crate::status_service::{InFlight, LaneStatus, StatusApi};
use crate::{
    Background, Forwarding, Forwards, Grpc, LimitSettings, Readiness, ServiceError, ServiceSettings, Signals,
};

/// How long the last spans may take to the collector.
const SPANS_FLUSH_MAX: Duration = Duration::from_secs(2);

/// A service from its start to the end of its drain.
pub struct Service {
    name: &'static str,
    settings: ServiceSettings,
    grpc_listener: TcpListener,
    addresses: Addresses,
    readiness: Readiness,
    metrics: Metrics,
    dependencies: Dependencies,
    calls: Calls,
    traces: Traces,
    background: Background,
    failures: mpsc::UnboundedReceiver<ServiceError>,
    draining: CancellationToken,
    grpc: Grpc,
    started_at: DateTime<Utc>,
    in_flight: Option<InFlight>,
    /// Served beside the other gRPC services.
    pub(crate) lanes: Option<LaneServices>,
    forwards: Option<watch::Receiver<Forwards>>,
    steps: Vec<Step>,
    /// Aborted when the service is dropped, so that the probes answer to the very end.
    http: JoinSet<std::io::Result<()>>,
}

/// What a service with lanes serves about them.
pub(crate) struct LaneServices {
    pub(crate) reader: LaneReader,
    pub(crate) heard: HeardLanes,
    pub(crate) letters: DeadLetters,
    pub(crate) status: LaneStatus,
}

#[derive(Clone, Copy)]
struct Addresses {
    grpc: SocketAddr,
    http: SocketAddr,
}

struct Step {
    name: &'static str,
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// What a drain is waiting for, for the error that says so.
struct Progress(Mutex<&'static str>);

impl Service {
    /// Takes both addresses and starts to answer the probes; gRPC calls are answered from [`Service::run`] on. Until then
    /// a signal ends the process at once, since nothing has been taken on yet.
    pub async fn start(name: &'static str, settings: ServiceSettings) -> Result<Self, ServiceError> {
        let traces = Traces::start(name, &settings.log.instance, &settings.traces)?;
        let grpc_listener = bind(settings.listen.grpc, "--grpc-listen").await?;
        let http_listener = bind(settings.listen.http, "--http-listen").await?;
        let addresses = Addresses {
            grpc: local_address(&grpc_listener, settings.listen.grpc),
            http: local_address(&http_listener, settings.listen.http),
        };
        let readiness = Readiness::new();
        let (metrics, dependencies, calls) = (Metrics::default(), Dependencies::default(), Calls::default());
        metrics.add(calls.clone());
        metrics.add(dependencies.clone());
        metrics.add(traces.clone());
        let draining = CancellationToken::new();
        let (background, failures) = Background::new(draining.clone());
        let mut http = JoinSet::new();
        let routes = routes(readiness.clone(), metrics.clone());
        http.spawn(axum::serve(http_listener, routes).into_future().in_current_span());
        tracing::info!(grpc = %addresses.grpc, http = %addresses.http, "starting");
        let (grpc, lanes, forwards, steps) = (Grpc::new(&[]), None, None, Vec::new());
        let (started_at, in_flight) = (SystemClock.now(), None);
        Ok(Self {
            name,
            settings,
            grpc_listener,
            addresses,
            readiness,
            metrics,
            dependencies,
            calls,
            traces,
            background,
            failures,
            draining,
            grpc,
            started_at,
            in_flight,
            lanes,
            forwards,
            steps,
            http,
        })
    }

    /// Where gRPC calls come in; the real port if the setting was 0.
    pub fn grpc_address(&self) -> SocketAddr {
        self.addresses.grpc
    }

    /// Where probes and the metrics are; the real port if the setting was 0.
    pub fn http_address(&self) -> SocketAddr {
        self.addresses.http
    }

    /// The limits of a call.
    pub fn limits(&self) -> LimitSettings {
        self.settings.limits
    }

    /// How long a drain may take.
    pub(crate) fn drain_timeout(&self) -> Duration {
        self.settings.drain.timeout
    }

    /// Where checks are registered.
    pub fn readiness(&self) -> Readiness {
        self.readiness.clone()
    }

    /// What is told under `/metrics`; a service adds what is its own.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Tells how this circuit breaker stands.
    pub fn show_breaker(&self, breaker: &Breaker) {
        self.dependencies.add_breaker(breaker.clone());
    }

    /// Tells how this valve stands, and its breaker.
    pub fn show_valve(&self, valve: &Valve) {
        self.dependencies.add_valve(valve.clone());
    }

    /// Tells how much work this process leads, by what that waits for, such as payment. Asked with every call of
    /// `StatusService`, so it must be quick.
    #[must_use]
    pub fn show_in_flight(
        mut self,
        in_flight: impl Fn() -> Vec<(&'static str, u64)> + Send + Sync + 'static,
    ) -> Self {
        self.in_flight = Some(Box::new(in_flight));
        self
    }

    /// Where long-running tasks are started.
    pub fn background(&self) -> Background {
        self.background.clone()
    }

    /// Cancelled at the first signal, before anything else happens.
    pub fn draining(&self) -> CancellationToken {
        self.draining.clone()
    }

    /// Sets the gRPC services.
    #[must_use]
    pub fn grpc(mut self, grpc: Grpc) -> Self {
        self.grpc = grpc;
        self
    }

    /// Counts what this service forwards.
    #[must_use]
    pub fn forwarding(mut self, forwarding: &Forwarding) -> Self {
        self.forwards = Some(forwarding.counts());
        self
    }

    /// What has become of calls that were forwarded; `None` if the service forwards nothing.
    pub fn forwards(&self) -> Option<watch::Receiver<Forwards>> {
        self.forwards.clone()
    }

    /// Adds a step to the drain. Steps run one after the other in the order in which they were added, after the last call
    /// has been answered and before the background tasks are told to stop.
    #[must_use]
    pub fn on_drain(mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) -> Self {
        self.steps.push(Step { name, work: Box::pin(work) });
        self
    }

    /// Serves until SIGTERM or SIGINT, then drains.
    pub async fn run(self) -> Result<(), ServiceError> {
        self.run_until(Signals::of_process()?).await
    }

    /// Serves until the first of the given signals, then drains.
    pub async fn run_until(self, mut signals: Signals) -> Result<(), ServiceError> {
        let Self { settings, readiness, background, mut failures, draining, mut http, traces, .. } = self;
        let closing = CancellationToken::new();
        let (instance, dependencies) = (settings.log.instance, self.dependencies);
        let status = StatusApi {
            service: self.name,
            instance,
            started_at: self.started_at,
            readiness: readiness.clone(),
            dependencies,
            in_flight: self.in_flight,
            lanes: None,
        };
        let grpc = with_operators_services(self.grpc, self.lanes, status);
        let (ready, closed) = (readiness.clone(), closing.clone());
        let serving = grpc.serve(self.grpc_listener, settings.limits, ready, closed, self.calls);
        let mut serving = pin!(serving);
        readiness.enter(Phase::Serving);
        tracing::info!(grpc = %self.addresses.grpc, http = %self.addresses.http, "serving");
        let signal = tokio::select! {
            served = &mut serving => return Err(ended("gRPC", served)),
            Some(failure) = failures.recv() => return Err(failure),
            Some(outcome) = http.join_next() => return Err(http_ended(outcome)),
            signal = signals.next() => signal,
        };
        draining.cancel();
        readiness.enter(Phase::Draining);
        let limit = settings.drain.timeout;
        let deadline = Instant::now() + limit;
        let deadline_ms = limit.as_millis();
        tracing::info!(signal, deadline_ms, "draining");
        let progress = Progress(Mutex::new("the grace time"));
        let drain = async {
            // Calls and health go on being answered meanwhile.
            tokio::select! {
                served = &mut serving => return Err(ended("gRPC", served)),
                () = tokio::time::sleep(settings.drain.grace) => {}
            }
            progress.note("calls in flight");
            closing.cancel();
            serving.await?;
            for step in self.steps {
                progress.note(step.name);
                step.work.await;
            }
            progress.note("background tasks");
            background.stop().await;
            progress.note("spans");
            // A collector that is away must neither hold up a clean end nor make a failure of it.
            let left = deadline.saturating_duration_since(Instant::now());
            traces.finish(SPANS_FLUSH_MAX.min(left / 2)).await;
            Ok(())
        };
        tokio::select! {
            drained = drain => drained?,
            Some(failure) = failures.recv() => return Err(failure),
            () = tokio::time::sleep_until(deadline) => {
                return Err(ServiceError::DrainTimeout { limit, waiting_for: progress.last() });
            }
            _ = signals.next() => return Err(ServiceError::Interrupted { waiting_for: progress.last() }),
        }
        // A task that failed while it was being stopped has ended all the same, so the drain does not notice.
        failures.try_recv().map_or(Ok(()), Err)
    }
}

impl Progress {
    fn note(&self, what: &'static str) {
        tracing::debug!(what, "drain step");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    fn last(&self) -> &'static str {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .field("steps", &self.steps.iter().map(|step| step.name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Adds what every service serves for its operators, and what a service with lanes serves about them.
fn with_operators_services(grpc: Grpc, lanes: Option<LaneServices>, mut api: StatusApi) -> Grpc {
    let Some(LaneServices { reader, heard, letters, status }) = lanes else {
        return grpc.add_service(StatusServiceServer::new(api));
    };
    api.lanes = Some(status);
    grpc.add_service(StatusServiceServer::new(api))
        .add_service(LaneServiceServer::new(Lanes(reader)))
        .add_service(HeardLaneServiceServer::new(HeardLaneApi(heard)))
        .add_service(DeadLetterServiceServer::new(DeadLetterApi(letters)))
}

async fn bind(address: SocketAddr, flag: &'static str) -> Result<TcpListener, ServiceError> {
    TcpListener::bind(address).await.map_err(|source| ServiceError::Listen { address, flag, source })
}

fn local_address(listener: &TcpListener, asked: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(asked)
}

fn ended(name: &'static str, served: Result<(), ServiceError>) -> ServiceError {
    served.err().unwrap_or(ServiceError::Server { name, source: None })
}

fn http_ended(outcome: Result<std::io::Result<()>, tokio::task::JoinError>) -> ServiceError {
    let source: Option<Box<dyn std::error::Error + Send + Sync>> = match outcome {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(Box::new(error)),
        Err(error) => Some(Box::new(error)),
    };
    ServiceError::Server { name: "HTTP", source }
}
