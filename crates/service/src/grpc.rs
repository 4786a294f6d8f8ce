use std::convert::Infallible;
use std::time::Duration;

use bowline_contracts::FILE_DESCRIPTOR_SET;
use futures::future::BoxFuture;
use http::Request;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use tower::Service;

use crate::guard::Guard;
use crate::metrics::Calls;
use crate::{LimitSettings, Readiness, ServiceError};

/// Room for this many bytes of one call may be under way unread: far more than any message of ours.
const STREAM_WINDOW: u32 = 1 << 20;
/// The same for all calls of a connection together, so that thousands of small ones do not wait for each other.
const CONNECTION_WINDOW: u32 = 8 << 20;
/// Streams of a connection beyond the places for calls, so that a full server still answers health and refusals.
const STREAMS_SPARE: u32 = 1_024;
/// A connection whose other end is gone is found out after interval plus time-out.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The gRPC services of a process. Health and reflection (v1 and v1alpha) are added to them.
///
/// The generated server of each service takes the largest message itself:
/// `OrdersServiceServer::new(api).max_decoding_message_size(service.limits().message_size_max)`.
pub struct Grpc {
    descriptors: &'static [u8],
    names: Vec<&'static str>,
    routes: Routes,
    healths: Vec<Health>,
}

/// A health under a name of its own.
struct Health {
    name: &'static str,
    /// When it was added.
    good: bool,
    /// Keeps it up to date from then on.
    follow: Box<dyn FnOnce(HealthReporter) -> BoxFuture<'static, ()> + Send>,
}

impl Grpc {
    /// No services yet. `descriptors` is the encoded file descriptor set that describes them, and may describe more. Those of
    /// the contracts are known anyway.
    pub fn new(descriptors: &'static [u8]) -> Self {
        Self { descriptors, names: Vec::new(), routes: Routes::default(), healths: Vec::new() }
    }

    /// Adds a generated server.
    #[must_use]
    pub fn add_service<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = http::Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.names.push(S::NAME);
        self.routes = self.routes.add_service(service);
        self
    }

    /// Tells through the health protocol, under a name of its own, how something is that this process depends on and
    /// that does not keep it from taking calls.
    #[must_use]
    pub fn health<T: Send + Sync + 'static>(
        mut self,
        name: &'static str,
        mut of: watch::Receiver<T>,
        is_good: impl Fn(&T) -> bool + Send + 'static,
    ) -> Self {
        let good = is_good(&of.borrow());
        let follow = Box::new(move |reporter: HealthReporter| -> BoxFuture<'static, ()> {
            Box::pin(async move {
                loop {
                    let status = status_of(is_good(&of.borrow_and_update()));
                    reporter.set_service_status(name, status).await;
                    if of.changed().await.is_err() {
                        // Nobody knows any more.
                        reporter.set_service_status(name, ServingStatus::Unknown).await;
                        return;
                    }
                }
            })
        });
        self.healths.push(Health { name, good, follow });
        self
    }

    /// Serves until `closing` is cancelled and the calls then in flight have been answered.
    pub(crate) async fn serve(
        self,
        listener: TcpListener,
        limits: LimitSettings,
        readiness: Readiness,
        closing: CancellationToken,
        calls: Calls,
    ) -> Result<(), ServiceError> {
        calls.know(&[
            self.descriptors,
            FILE_DESCRIPTOR_SET,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ]);
        let reporter = HealthReporter::new();
        let health = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
        let (v1, v1alpha) = (self.reflection(), self.reflection());
        let refused = |error| ServiceError::Reflection(Box::new(error));
        let routes = self
            .routes
            .add_service(health)
            .add_service(v1.build_v1().map_err(refused)?)
            .add_service(v1alpha.build_v1alpha().map_err(refused)?);
        let serving = Server::builder()
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(streams_max(limits))
            .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
            .layer(Guard::new(limits, closing.clone(), calls))
            .add_routes(routes)
            .serve_with_incoming_shutdown(
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                closing.cancelled_owned(),
            );
        let mut followed = JoinSet::new();
        for health in self.healths {
            // Known before the first call comes in.
            reporter.set_service_status(health.name, status_of(health.good)).await;
            followed.spawn((health.follow)(reporter.clone()));
        }
        tokio::select! {
            served = serving => {
                served.map_err(|error| ServiceError::Server { name: "gRPC", source: Some(Box::new(error)) })
            }
            () = follow(&readiness, &reporter, &self.names) => unreachable!("readiness is followed without end"),
        }
    }

    fn reflection(&self) -> tonic_reflection::server::Builder<'static> {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(self.descriptors)
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("grpc.health.v1.Health")
            .with_service_name("grpc.reflection.v1.ServerReflection")
            .with_service_name("grpc.reflection.v1alpha.ServerReflection");
        self.names.iter().fold(builder, |builder, name| builder.with_service_name(*name))
    }
}

/// One client has one connection, so one connection may fill all places; by default it would take 200 calls at a time.
fn streams_max(limits: LimitSettings) -> u32 {
    u32::try_from(limits.requests_in_flight_max).unwrap_or(u32::MAX).saturating_add(STREAMS_SPARE)
}

const fn status_of(good: bool) -> ServingStatus {
    if good { ServingStatus::Serving } else { ServingStatus::NotServing }
}

/// Keeps the health of the whole server and of each service equal to the readiness.
async fn follow(readiness: &Readiness, reporter: &HealthReporter, names: &[&'static str]) {
    let mut changes = readiness.watch();
    loop {
        let ready = *changes.borrow_and_update();
        let status = status_of(ready);
        for name in std::iter::once(&"").chain(names) {
            reporter.set_service_status(*name, status).await;
        }
        if changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
