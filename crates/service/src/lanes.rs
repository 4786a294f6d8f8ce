//! A service whose work runs on lanes: readiness, failure and drain of its node.

use std::time::Duration;

use bowline_config::{Faults, Given, Setting};
use bowline_database::{Database, DatabaseArgs, DatabaseSettings, Fault, Migrator};
use bowline_kernel::error_text;
use bowline_messaging::{
    CommandError, DeadLetters, HeardLanes, KafkaArgs, KafkaOptions, LaneArgs, LaneOptions, Node, NodeOptions,
    Registered, Wiring,
};
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use crate::readiness::Check;
use crate::service::LaneServices;
use crate::status_service::LaneStatus;
use crate::{ApiError, ErrorKind, LaneMetrics, Service, ServiceError, ServiceOptions, ServiceSettings};

/// How often it is checked that the database answers, and how long it may take.
const PING_EVERY: Duration = Duration::from_secs(1);
const PONG_WITHIN: Duration = Duration::from_secs(3);
/// A caller that found the database away waits at least this long.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// The options of a service whose work runs on lanes.
#[derive(clap::Args, Clone, Debug)]
pub struct ReplicaOptions {
    #[command(flatten)]
    service: ServiceOptions,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    lanes: LaneArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Where other replicas reach the gRPC of this one, to forward calls about what it owns. The address it listens on if
    /// left out; one that listens on all addresses (0.0.0.0) must be told, or nothing is forwarded to it.
    #[arg(long, env = "BOWLINE_ADVERTISE_ADDRESS", value_name = "HOST:PORT", help_heading = "Addresses")]
    advertise_address: Option<Given<Advertised>>,
}

/// Host and port at which other replicas reach a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised(String);

impl Setting for Advertised {
    fn parse(text: &str) -> Result<Self, String> {
        let expected = || "host and port, such as orders-1.internal:50051 or [fd00::1]:50051".to_owned();
        let authority: http::uri::Authority = text.parse().map_err(|_| expected())?;
        let usable = authority.port_u16().is_some_and(|port| port > 0)
            && !authority.host().is_empty()
            && !text.contains('@');
        usable.then(|| Self(text.to_owned())).ok_or_else(expected)
    }
}

/// Checked [`ReplicaOptions`].
#[derive(Clone, Debug)]
pub struct ReplicaSettings {
    /// What every service has.
    pub service: ServiceSettings,
    /// Where Kafka is.
    pub kafka: KafkaOptions,
    /// How work is shared and batched.
    pub lanes: LaneOptions,
    /// The database.
    pub database: DatabaseSettings,
    /// Where other replicas find this one, if not where it listens.
    pub advertised: Option<Advertised>,
}

impl ReplicaOptions {
    /// Takes the values out, collecting every fault.
    pub fn check(self, faults: &mut Faults) -> Option<ReplicaSettings> {
        let service = self.service.check(faults);
        let kafka = self.kafka.check(faults);
        let lanes = self.lanes.check(faults);
        let database = self.database.check(faults);
        let advertised = faults.optional("advertise-address", self.advertise_address);
        Some(ReplicaSettings {
            service: service?,
            kafka: kafka?,
            lanes: lanes?,
            database: database?,
            advertised: advertised?,
        })
    }
}

/// A part of the node ended although nobody stopped it.
#[derive(Debug, thiserror::Error)]
#[error("{0} of the node ended although nobody stopped it")]
pub struct NodeFailed(&'static str);

impl Service {
    /// Starts a service under the name that it hears by, and makes its database ready: applies the migrations of every
    /// owner of tables if there is a role for it, opens the pool for reads of callers, and registers the lanes. Kafka may
    /// be away.
    pub async fn register(
        settings: ReplicaSettings,
        wiring: Wiring,
        migrators: &[(&'static str, &Migrator)],
    ) -> Result<(Self, Database, Registered), ServiceError> {
        let ReplicaSettings { service, kafka, lanes, database, advertised } = settings;
        let service = Self::start(wiring.source, service).await?;
        database.migrate(migrators).await?;
        let reads = database.connect_for_reads(wiring.source).await?;
        let address = advertised.map_or_else(|| service.listened_on(), |Advertised(address)| address);
        let database_url = database.url.expose().to_owned();
        let options = NodeOptions { kafka, lanes, database_url, address };
        let registered = Registered::register(wiring, options).await.map_err(ServiceError::Lanes)?;
        Ok((service, reads, registered))
    }

    /// What to advertise unless told otherwise: nothing, if the address means nothing to others.
    fn listened_on(&self) -> String {
        let address = self.grpc_address();
        if address.ip().is_unspecified() {
            tracing::info!("other replicas are not told where this one is: give it with --advertise-address");
            return String::new();
        }
        address.to_string()
    }

    /// Runs `node` with this service: the service is ready when the database answers and every topic is there, ends if
    /// a part of the node ends, and drains the node once the last call is answered. Consumers whose topic has lost
    /// messages read them here, over `LaneService`, and operators see over `HeardLaneService` and
    /// `DeadLetterService` what does not flow and what could not be applied.
    /// `reads` is asked whether the database answers.
    #[must_use]
    pub fn with_node<C, R>(mut self, mut node: Node<C, R>, reads: Database) -> Self
    where
        C: Send + 'static,
        R: Send + 'static,
    {
        self.metrics().add(LaneMetrics::of(&node, reads.clone()));
        let reader = node.lane_reader();
        let heard = HeardLanes::new(reads.clone(), reader.source());
        let letters = DeadLetters::new(reads.clone(), reader.source());
        let status = LaneStatus::of(&node, reads.clone(), heard.clone(), letters.clone());
        self.lanes = Some(LaneServices { reader, heard, letters, status });
        let background = self.background();
        let database = self.readiness().register("database");
        let topics = self.readiness().register("topics");
        topics.set_not_ready("waiting for every topic to be there");
        let (topics_ready, stopping) = (node.topics_ready(), background.stopping());
        background.spawn("topics", async move {
            tokio::select! {
                () = topics_ready => topics.set_ready(),
                () = stopping.cancelled() => {}
            }
            stopping.cancelled().await;
            Ok::<_, NodeFailed>(())
        });
        let stopping = background.stopping();
        background.spawn("database check", async move {
            tokio::select! {
                () = ping(reads, database) => {}
                () = stopping.cancelled() => {}
            }
            Ok::<_, NodeFailed>(())
        });
        // What is not handed over by then is taken over; the rest of the time is for the other steps.
        let patience = self.drain_timeout() / 2;
        let (stop, stopped) = oneshot::channel::<()>();
        let (done, drained) = oneshot::channel::<()>();
        background.spawn("node", async move {
            tokio::select! {
                part = node.failed() => return Err(NodeFailed(part)),
                // A service that is dropped without a drain has nothing to hand over either.
                _ = stopped => node.drain(patience).await,
            }
            let _ = done.send(());
            Ok(())
        });
        self.on_drain("node", async move {
            let _ = stop.send(());
            let _ = drained.await;
        })
    }
}

/// What went wrong with a command, as its caller sees it.
pub fn command_failed(error: CommandError) -> ApiError {
    match error {
        CommandError::Busy => {
            ApiError::new(ErrorKind::Exhausted, "TOO_MANY_REQUESTS", "too many requests are waiting")
                .retry_after(Duration::from_millis(100))
        }
        CommandError::Unavailable => ApiError::new(
            ErrorKind::Unavailable,
            "DATABASE_UNAVAILABLE",
            "nothing can be stored at the moment: send the same request again",
        )
        .retry_after(RETRY_AFTER),
        CommandError::Conflict => ApiError::new(
            ErrorKind::Conflict,
            "REQUEST_IN_PROGRESS",
            "another request with this request_id, or on the same records, was in the way: send it again",
        ),
        CommandError::Failed => ApiError::internal(error),
    }
}

/// What went wrong with a read, as its caller sees it.
pub fn read_failed(fault: Fault, error: impl std::error::Error + Send + Sync + 'static) -> ApiError {
    match fault {
        Fault::Unavailable | Fault::Conflict => {
            // One line a call, so not for every day: the check of the database says once that it is away.
            tracing::debug!(error = error_text(&error), "a call could not read");
            ApiError::new(
                ErrorKind::Unavailable,
                "DATABASE_UNAVAILABLE",
                "nothing can be read at the moment: try again",
            )
            .retry_after(RETRY_AFTER)
        }
        Fault::Refused | Fault::Bug => ApiError::internal(error),
    }
}

/// The `request_id` of a call belongs to another request.
pub fn request_id_reused() -> ApiError {
    ApiError::new(
        ErrorKind::KeyReuse,
        "REQUEST_ID_REUSED",
        "this request_id belongs to another request: choose a new one",
    )
}

async fn ping(database: Database, check: Check) {
    let mut ticks = tokio::time::interval(PING_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match tokio::time::timeout(PONG_WITHIN, database.ping()).await {
            Ok(Ok(())) => check.set_ready(),
            Ok(Err(error)) => check.set_not_ready(error_text(&error)),
            Err(_) => check.set_not_ready("the database does not answer in time"),
        }
    }
}
