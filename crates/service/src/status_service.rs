//! Tells operators how this process stands, and what the database of its service says.

use std::fmt;
use std::time::Duration;

use bowline_contracts::common::v1;
use bowline_contracts::common::v1::status_service_server::StatusService;
use bowline_contracts::convert::{duration, timestamp};
use bowline_database::{Database, Fault};
use bowline_kernel::{Clock as _, SystemClock, error_text};
use bowline_messaging::{
    Backlog, DeadLetters, Error, HeardLanes, Inputs, Node, Overview, Owned, PartitionLease, SentLane,
};
use chrono::{DateTime, Utc};
use tokio::sync::{Semaphore, watch};
use tonic::{Request, Response, Status};

use crate::Readiness;
use crate::metrics::Dependencies;
use crate::readiness::Phase;
use crate::{dead_letter_service, heard_lane_service};

/// How long all that stands in the database may take to be read; without it the answer goes all the same.
const READ_WITHIN: Duration = Duration::from_secs(2);
/// So many calls read the database at a time, however many ask: they are answered under any load. The others wait, which
/// counts towards [`READ_WITHIN`].
const READS_MAX: usize = 2;
/// So many causes of parked messages are told.
const CAUSES_MAX: usize = 20;

/// What a service has begun and not ended, by what that waits for. Asked with every call, so it must be quick.
pub(crate) type InFlight = Box<dyn Fn() -> Vec<(&'static str, u64)> + Send + Sync>;

/// How one process stands, over gRPC.
pub(crate) struct StatusApi {
    pub(crate) service: &'static str,
    pub(crate) instance: String,
    pub(crate) started_at: DateTime<Utc>,
    pub(crate) readiness: Readiness,
    pub(crate) dependencies: Dependencies,
    pub(crate) in_flight: Option<InFlight>,
    pub(crate) lanes: Option<LaneStatus>,
}

/// How the lanes of a service stand.
#[derive(Debug)]
pub(crate) struct LaneStatus {
    overview: Overview,
    heard: HeardLanes,
    letters: DeadLetters,
    owned: watch::Receiver<Owned>,
    inputs: Inputs,
    backlog: watch::Receiver<Backlog>,
    reading: Semaphore,
}

#[tonic::async_trait]
impl StatusService for StatusApi {
    async fn get_status(
        &self,
        _: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let report = self.readiness.report();
        let obstacle = |(check, reason): (&str, Option<String>)| {
            Some(v1::Obstacle { check: check.to_owned(), reason: reason? })
        };
        let mut told = v1::GetStatusResponse {
            service: self.service.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: self.instance.clone(),
            start_time: Some(timestamp(self.started_at)),
            phase: phase(report.phase).into(),
            obstacles: report.checks.into_iter().filter_map(obstacle).collect(),
            dependencies: self.dependencies.as_told(),
            in_flight: self.in_flight(),
            ..v1::GetStatusResponse::default()
        };
        if let Some(lanes) = &self.lanes {
            lanes.tell(&mut told).await;
        }
        told.read_time = Some(timestamp(SystemClock.now()));
        Ok(Response::new(told))
    }
}

impl StatusApi {
    fn in_flight(&self) -> Vec<v1::WorkStep> {
        let steps = self.in_flight.as_ref().map(|in_flight| in_flight()).unwrap_or_default();
        steps
            .into_iter()
            .map(|(awaits, count)| v1::WorkStep { awaits: awaits.to_owned(), count: whole(count) })
            .collect()
    }
}

impl LaneStatus {
    /// That of a running node, whose database is read on connections for reads.
    pub(crate) fn of<C, R>(
        node: &Node<C, R>,
        reads: Database,
        heard: HeardLanes,
        letters: DeadLetters,
    ) -> Self {
        Self {
            overview: Overview::new(reads),
            heard,
            letters,
            owned: node.owned(),
            inputs: node.inputs(),
            backlog: node.backlog(),
            reading: Semaphore::new(READS_MAX),
        }
    }

    async fn tell(&self, told: &mut v1::GetStatusResponse) {
        told.kafka_silence = self.inputs.kafka_silence().map(duration);
        told.partitions = self.owned.borrow().keys().copied().map(u32::from).collect();
        told.unapplied = unapplied(&self.backlog.borrow());
        let read = tokio::time::timeout(READ_WITHIN, async {
            // Never closed; with a permit or without, no more is read than there are connections for.
            let _permit = self.reading.acquire().await;
            self.stored().await
        });
        match read.await {
            Ok(Ok(stored)) => told.stored = Some(stored),
            Ok(Err(error)) => told.stored_obstacle = in_words(&error),
            Err(_) => {
                told.stored_obstacle =
                    format!("the database has not answered within {} ms", READ_WITHIN.as_millis());
            }
        }
    }

    async fn stored(&self) -> Result<v1::StoredStatus, Error> {
        let sent = self.overview.sent_lanes().await?;
        // What was sent is read first: what is heard of it may be further, and is never behind what was not sent yet.
        let heard = self.heard.list().await?;
        let leases = self.overview.leases().await?;
        let causes = self.letters.causes().await?;
        let parked = v1::ParkedMessages {
            order_count: whole(causes.iter().map(|cause| cause.keys).sum()),
            message_count: whole(causes.iter().map(|cause| cause.messages).sum()),
            causes: causes.into_iter().take(CAUSES_MAX).map(dead_letter_service::group).collect(),
        };
        Ok(v1::StoredStatus {
            sent_lanes: sent.into_iter().map(sent_lane).collect(),
            heard_lanes: heard.into_iter().map(heard_lane_service::lane).collect(),
            leases: leases.into_iter().map(lease).collect(),
            parked: Some(parked),
        })
    }
}

impl fmt::Debug for StatusApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusApi").field("service", &self.service).finish_non_exhaustive()
    }
}

const fn phase(phase: Phase) -> v1::ServingPhase {
    match phase {
        Phase::Starting => v1::ServingPhase::Starting,
        Phase::Serving => v1::ServingPhase::Serving,
        Phase::Draining => v1::ServingPhase::Draining,
    }
}

fn unapplied(backlog: &Backlog) -> Vec<v1::UnappliedRecords> {
    let told = backlog.unapplied.iter().map(|waiting| v1::UnappliedRecords {
        topic: waiting.topic.clone(),
        partition: waiting.partition.into(),
        record_count: whole(waiting.count),
        oldest_age: Some(duration(waiting.age)),
    });
    told.collect()
}

fn sent_lane(lane: SentLane) -> v1::SentLane {
    v1::SentLane {
        topic: lane.topic,
        partition: lane.partition.into(),
        head_sequence: lane.head,
        published_sequence: lane.published,
        oldest_unpublished_age: lane.oldest_unpublished.map(duration),
    }
}

fn lease(lease: PartitionLease) -> v1::PartitionLease {
    let held = v1::PartitionLease {
        partition: lease.partition.into(),
        epoch: lease.epoch,
        ..v1::PartitionLease::default()
    };
    match lease.holder {
        None => held,
        Some(holder) => v1::PartitionLease {
            holder: holder.member.to_string(),
            holder_address: holder.address,
            expire_time: Some(timestamp(holder.expires_at)),
            ..held
        },
    }
}

/// Why the database could not be read, for an operator.
fn in_words(error: &Error) -> String {
    match error.fault() {
        Fault::Unavailable | Fault::Conflict => error_text(error),
        Fault::Refused | Fault::Bug => {
            tracing::error!(error = error_text(error), "the status cannot be read");
            "it cannot be read: the log of the process says why".to_owned()
        }
    }
}

/// As protobuf counts.
fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
