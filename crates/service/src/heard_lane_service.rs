//! Lets operators see the lanes that this service hears, and let one go on whose source has lost commits.

use bowline_contracts::common::v1;
use bowline_contracts::common::v1::heard_lane_service_server::HeardLaneService;
use bowline_contracts::convert::timestamp;
use bowline_messaging::{AcceptError, Acceptance, HeardLane, HeardLanes, HeldState, LaneName};
use tonic::{Request, Response, Status};

use crate::dead_letter_service::operator_of;
use crate::{ApiError, ErrorKind, Violations, read_failed};

/// The lanes that one service hears over gRPC.
#[derive(Debug, Clone)]
pub(crate) struct HeardLaneApi(pub(crate) HeardLanes);

#[tonic::async_trait]
impl HeardLaneService for HeardLaneApi {
    async fn list_heard_lanes(
        &self,
        _: Request<v1::ListHeardLanesRequest>,
    ) -> Result<Response<v1::ListHeardLanesResponse>, Status> {
        let lanes = self.0.list().await.map_err(|error| read_failed(error.fault(), error))?;
        Ok(Response::new(v1::ListHeardLanesResponse { lanes: lanes.into_iter().map(lane).collect() }))
    }

    async fn accept_forgotten(
        &self,
        request: Request<v1::AcceptForgottenRequest>,
    ) -> Result<Response<v1::AcceptForgottenResponse>, Status> {
        let request = request.into_inner();
        let mut violations = Violations::new();
        let operator = operator_of(&mut violations, request.operator, request.note);
        let from = violations.uuid("watermark_incarnation", &request.watermark_incarnation);
        let to = violations.uuid("kept_incarnation", &request.kept_incarnation);
        let partition = violations.take("partition", u16::try_from(request.partition));
        let named = operator.zip(from.zip(to)).zip(partition);
        let ((operator, (from, to)), partition) = violations.finish_with(named)?;
        let name = LaneName { topic: request.topic, partition, source: request.source };
        let (from, to) = ((request.watermark_sequence, from), (request.kept_sequence, to));
        let acceptance = Acceptance { name, from, to };
        self.0.accept(&acceptance, &operator).await.map_err(not_accepted)?;
        tracing::warn!(?acceptance, operator = operator.name, "what a source has forgotten was accepted");
        Ok(Response::new(v1::AcceptForgottenResponse {}))
    }
}

pub(crate) fn lane(lane: HeardLane) -> v1::HeardLane {
    let mut told = v1::HeardLane {
        topic: lane.name.topic,
        partition: lane.name.partition.into(),
        source: lane.name.source,
        watermark_sequence: lane.sequence,
        watermark_incarnation: lane.incarnation.map(|id| id.to_string()).unwrap_or_default(),
        state: v1::HeardLaneState::Flowing.into(),
        ..v1::HeardLane::default()
    };
    let Some(held) = lane.held else { return told };
    told.reason = held.reason;
    told.state_time = Some(timestamp(held.since));
    let state = match held.state {
        HeldState::Missing { first, last } => {
            (told.first_missing_sequence, told.last_missing_sequence) = (first, last);
            v1::HeardLaneState::Missing
        }
        HeldState::Doubt => v1::HeardLaneState::Doubt,
        HeldState::Forgotten { kept, incarnation } => {
            (told.kept_sequence, told.kept_incarnation) = (kept, incarnation.to_string());
            v1::HeardLaneState::Forgotten
        }
        HeldState::Stopped => v1::HeardLaneState::Stopped,
    };
    told.state = state.into();
    told
}

fn not_accepted(error: AcceptError) -> ApiError {
    let (kind, reason) = match error {
        AcceptError::Unknown { .. } => (ErrorKind::NotFound, "LANE_NOT_FOUND"),
        AcceptError::Changed { .. } => (ErrorKind::Conflict, "LANE_CHANGED"),
        AcceptError::NotForgotten { .. } => (ErrorKind::Precondition, "LANE_NOT_FORGOTTEN"),
        AcceptError::Failed(error) => return read_failed(error.fault(), error),
    };
    ApiError::new(kind, reason, error.to_string())
}
