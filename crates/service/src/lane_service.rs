//! Serves what this service has sent to consumers whose topic has lost it.

use bowline_contracts::common::v1;
use bowline_contracts::common::v1::lane_service_server::LaneService;
use bowline_contracts::convert::timestamp;
use bowline_messaging::{LaneIncarnation, LaneMessage, LaneReadError, LaneReader};
use tonic::{Request, Response, Status};

use crate::{ApiError, ErrorKind, Violations, read_failed};

/// The most partitions that one call may ask about.
const PARTITIONS_MAX: usize = 1_000;

/// The lanes of one service over gRPC.
#[derive(Debug, Clone)]
pub(crate) struct Lanes(pub(crate) LaneReader);

#[tonic::async_trait]
impl LaneService for Lanes {
    async fn read_lane(
        &self,
        request: Request<v1::ReadLaneRequest>,
    ) -> Result<Response<v1::ReadLaneResponse>, Status> {
        let v1::ReadLaneRequest { source, topic, partition, after_sequence, up_to_sequence } =
            request.into_inner();
        let mut violations = Violations::new();
        violations.range("after_sequence", after_sequence, 0..=i64::MAX - 1);
        violations.range("up_to_sequence", up_to_sequence, after_sequence.saturating_add(1)..=i64::MAX);
        violations.finish()?;
        let partition = self.check(&source, &topic, partition)?;
        let read = self.0.read(&topic, partition, after_sequence, up_to_sequence).await.map_err(refused)?;
        Ok(Response::new(v1::ReadLaneResponse { messages: read.into_iter().map(message).collect() }))
    }

    async fn get_heads(
        &self,
        request: Request<v1::GetHeadsRequest>,
    ) -> Result<Response<v1::GetHeadsResponse>, Status> {
        let v1::GetHeadsRequest { source, topic, partitions } = request.into_inner();
        let partitions = self.check_all(&source, &topic, partitions)?;
        let (incarnation, heads) = self.0.heads(&topic, &partitions).await.map_err(refused)?;
        let heads = heads.into_iter().map(|head| v1::LaneHead {
            partition: head.partition.into(),
            last_sequence: head.last,
            published_sequence: head.published,
        });
        Ok(Response::new(v1::GetHeadsResponse {
            incarnation: incarnation.to_string(),
            heads: heads.collect(),
        }))
    }

    async fn get_history(
        &self,
        request: Request<v1::GetHistoryRequest>,
    ) -> Result<Response<v1::GetHistoryResponse>, Status> {
        let v1::GetHistoryRequest { source, topic, partitions } = request.into_inner();
        let partitions = self.check_all(&source, &topic, partitions)?;
        let told = self.0.history(&topic, &partitions).await.map_err(refused)?;
        Ok(Response::new(v1::GetHistoryResponse {
            incarnations: told.into_iter().map(incarnation).collect(),
        }))
    }
}

impl Lanes {
    /// As [`Lanes::check`], for several partitions.
    fn check_all(&self, source: &str, topic: &str, partitions: Vec<u32>) -> Result<Vec<u16>, ApiError> {
        let mut violations = Violations::new();
        if !(1..=PARTITIONS_MAX).contains(&partitions.len()) {
            violations.add("partitions", format!("must be 1 to {PARTITIONS_MAX}, were {}", partitions.len()));
        }
        violations.finish()?;
        partitions.into_iter().map(|partition| self.check(source, topic, partition)).collect()
    }

    /// The partition, if the caller has the service that it takes this one for.
    fn check(&self, source: &str, topic: &str, partition: u32) -> Result<u16, ApiError> {
        match u16::try_from(partition) {
            Ok(partition) if source == self.0.source() => Ok(partition),
            _ => Err(not_found(format!(
                "this is {}, which does not send on partition {partition} of {topic} as {source}",
                self.0.source()
            ))),
        }
    }
}

fn message(message: LaneMessage) -> v1::LaneMessage {
    let LaneMessage { key, envelope, payload } = message;
    v1::LaneMessage {
        sequence: envelope.sequence,
        incarnation: envelope.incarnation.to_string(),
        key: key.to_string(),
        message_id: envelope.id.to_string(),
        message_type: envelope.message_type,
        event_time: Some(timestamp(envelope.time)),
        causation_id: envelope.causation.map(|id| id.to_string()).unwrap_or_default(),
        traceparent: envelope.traceparent.unwrap_or_default(),
        payload,
    }
}

fn incarnation(told: LaneIncarnation) -> v1::Incarnation {
    let starts = told.starts.into_iter();
    v1::Incarnation {
        incarnation: told.incarnation.to_string(),
        parent: told.parent.map(|id| id.to_string()).unwrap_or_default(),
        recorded_time: Some(timestamp(told.recorded_at)),
        starts: starts
            .map(|(partition, last_sequence)| v1::LaneStart { partition: partition.into(), last_sequence })
            .collect(),
    }
}

fn refused(error: LaneReadError) -> ApiError {
    match error {
        LaneReadError::Unknown { .. } => not_found(error.to_string()),
        LaneReadError::Ahead { last, incarnation } => {
            ApiError::new(ErrorKind::Precondition, "LANE_AHEAD_OF_SOURCE", error.to_string())
                .with("last_sequence", last)
                .with("incarnation", incarnation)
        }
        LaneReadError::Gone { .. } => ApiError::new(ErrorKind::Gone, "LANE_RANGE_GONE", error.to_string()),
        LaneReadError::Failed(error) => read_failed(error.fault(), error),
    }
}

fn not_found(message: String) -> ApiError {
    ApiError::new(ErrorKind::NotFound, "LANE_NOT_FOUND", message)
}
