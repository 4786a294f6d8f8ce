//! A service behind its gRPC server, where consumers ask for what their topic has lost.

use std::net::SocketAddr;
use std::time::Duration;

use bowline_contracts::FILE_DESCRIPTOR_SET;
use bowline_messaging::{Commands, KafkaOptions, LaneOptions, LaneSources};
use bowline_service::{
    DrainSettings, Grpc, LimitSettings, ListenSettings, LogFormat, LogSettings, Service as Server,
    ServiceError, ServiceSettings, SignalSender, Signals,
};
use bowline_traces::TraceSettings;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::ledger::{Ask, Ledger, Script};
use crate::stage::{PATIENCE, Service, steady};

/// A running service with its gRPC server; mostly a source.
pub(crate) struct Source {
    pub(crate) service: Service,
    commands: Commands<Ask, i64>,
    address: SocketAddr,
    signals: SignalSender,
    running: JoinSet<Result<(), ServiceError>>,
}

impl Source {
    /// `orders`, at any free address.
    pub(crate) async fn start(kafka: &KafkaOptions) -> Self {
        Self::start_at(Service::orders().await, kafka, ([127, 0, 0, 1], 0).into()).await
    }

    pub(crate) async fn start_at(service: Service, kafka: &KafkaOptions, grpc: SocketAddr) -> Self {
        // Announced heads would show lost messages too.
        let lanes = LaneOptions { head_announcement_after: Duration::from_hours(1), ..steady() };
        Self::start_with(service, kafka, grpc, lanes).await
    }

    pub(crate) async fn start_with(
        service: Service,
        kafka: &KafkaOptions,
        grpc: SocketAddr,
        lanes: LaneOptions,
    ) -> Self {
        let registered = service.register(kafka, lanes).await;
        let (database, outbox) = (registered.database(), registered.outbox());
        let ledger = Ledger::new(database.clone(), outbox, service.wiring().sends[0], Script::default());
        let node = registered.start(ledger).unwrap();
        let commands = node.commands();
        let server = Server::start(service.wiring().source, settings(grpc)).await.unwrap();
        let address = server.grpc_address();
        let (signals, received) = Signals::by_hand();
        let mut running = JoinSet::new();
        let server = server.with_node(node, database).grpc(Grpc::new(FILE_DESCRIPTOR_SET));
        running.spawn(server.run_until(received));
        Self { service, commands, address, signals, running }
    }

    /// Sends messages about `keys` and waits for their commit.
    pub(crate) async fn say(&self, keys: impl IntoIterator<Item = Uuid>) {
        for key in keys {
            self.commands.execute(Ask::Say(key)).await.unwrap();
        }
    }

    /// Where it is called.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its options are those of a consumer that asks it.
    pub(crate) fn asked(&self) -> LaneOptions {
        asking(self.address)
    }

    /// The history in which it gives its sequences.
    pub(crate) async fn incarnation(&self) -> Uuid {
        let current = "SELECT incarnation FROM messaging.current_incarnation";
        sqlx::query_scalar(current).fetch_one(&mut self.service.connect().await).await.unwrap()
    }

    /// Waits until so many messages of all lanes are noted as published.
    pub(crate) async fn publishes(&self, count: i64) {
        self.service.number_becomes("SELECT sum(sequence)::int8 FROM messaging.published", count).await;
    }

    /// Ends at once, as when its machine is lost.
    pub(crate) async fn vanish(mut self) {
        self.running.shutdown().await;
    }

    pub(crate) async fn stop(mut self) {
        self.signals.send();
        self.running.join_next().await.unwrap().unwrap().unwrap();
    }
}

/// A consumer that asks `orders` at this address, soon.
pub(crate) fn asking(address: SocketAddr) -> LaneOptions {
    let uri = format!("http://{address}").parse().unwrap();
    LaneOptions {
        lane_sources: LaneSources([("orders".to_owned(), uri)].into()),
        gap_heal_after: Duration::from_millis(100),
        ..steady()
    }
}

/// An address where nobody listens yet.
pub(crate) async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

fn settings(grpc: SocketAddr) -> ServiceSettings {
    ServiceSettings {
        listen: ListenSettings { grpc, http: ([127, 0, 0, 1], 0).into() },
        log: LogSettings { format: LogFormat::Human, filter: "info".into(), instance: "test".into() },
        drain: DrainSettings { timeout: PATIENCE, grace: Duration::ZERO },
        limits: LimitSettings {
            message_size_max: 1 << 20,
            request_timeout: PATIENCE,
            requests_in_flight_max: 100,
        },
        traces: TraceSettings::default(),
    }
}
