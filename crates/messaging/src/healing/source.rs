//! A source of messages as its consumers reach it: `LaneService` over gRPC, or, where sources share a process, directly.

use std::time::Duration;

use bowline_contracts::common::v1;
use bowline_contracts::common::v1::lane_service_client::LaneServiceClient;
use bowline_contracts::convert::time;
use bowline_contracts::envelope::Envelope;
use bowline_kernel::error_text;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::{Outcome, Question};
use crate::Error;
use crate::lane_reader::{LaneHead, LaneMessage, LaneReadError, LaneReader};
use crate::tracker::{Followed, Missing};

/// What clients of gRPC take by default. A page is far smaller, unless one message is larger than a page.
const ANSWER_BYTES_MIN: usize = 4 << 20;
/// Room for what surrounds the largest message.
const ANSWER_BYTES_SPARE: usize = 1 << 20;

/// One source.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// Over gRPC.
    Far(Client),
    /// In this very process.
    Near(LaneReader),
}

/// A source over gRPC.
#[derive(Debug, Clone)]
pub(super) struct Client {
    client: LaneServiceClient<Channel>,
}

impl Source {
    pub(super) fn new(address: &Uri, timeout: Duration, message_bytes_max: usize) -> Result<Self, Error> {
        let channel = Endpoint::from_shared(address.to_string())
            .map_err(|error| Error::SourceAddress(Box::new(error)))?
            .connect_timeout(timeout)
            .timeout(timeout)
            .tcp_nodelay(true)
            .connect_lazy();
        let answer_bytes_max = ANSWER_BYTES_MIN.max(message_bytes_max.saturating_add(ANSWER_BYTES_SPARE));
        let client = LaneServiceClient::new(channel).max_decoding_message_size(answer_bytes_max);
        Ok(Self::Far(Client { client }))
    }

    pub(super) async fn answer(self, question: &Question) -> Outcome {
        match (self, question) {
            (Self::Far(mut client), Question::Range(missing)) => {
                client.range(missing).await.unwrap_or_else(|status| refusal(&status))
            }
            (Self::Far(mut client), Question::Heads(followed)) => {
                client.heads(followed).await.unwrap_or_else(|status| refusal(&status))
            }
            (Self::Near(reader), Question::Range(missing)) => {
                let Missing { topic, partition, after, seen, .. } = missing;
                let read = reader.read(topic.name, *partition, *after, *seen).await;
                read.map_or_else(refused, |messages| wanted(messages, missing))
            }
            (Self::Near(reader), Question::Heads(followed)) => {
                let partitions: Vec<u16> = followed.scheduled.keys().copied().collect();
                let heads = reader.heads(followed.topic.name, &partitions).await;
                heads.map_or_else(refused, |(_, heads)| Outcome::Heads(heads))
            }
        }
    }
}

impl Client {
    async fn range(&mut self, missing: &Missing) -> Result<Outcome, Status> {
        let request = v1::ReadLaneRequest {
            source: missing.source.clone(),
            topic: missing.topic.name.to_owned(),
            partition: missing.partition.into(),
            after_sequence: missing.after,
            up_to_sequence: missing.seen,
        };
        let answer = self.client.read_lane(request).await?.into_inner();
        let read = answer.messages.into_iter().map(|read| message(read, &missing.source));
        let Some(messages) = read.collect::<Option<Vec<LaneMessage>>>() else {
            return Ok(Outcome::Failed("what it brought is no message of ours".into()));
        };
        Ok(wanted(messages, missing))
    }

    async fn heads(&mut self, followed: &Followed) -> Result<Outcome, Status> {
        let request = v1::GetHeadsRequest {
            source: followed.source.clone(),
            topic: followed.topic.name.to_owned(),
            partitions: followed.scheduled.keys().map(|partition| (*partition).into()).collect(),
        };
        let answer = self.client.get_heads(request).await?.into_inner();
        let heads = answer.heads.into_iter().map(|head| {
            let partition = u16::try_from(head.partition).ok()?;
            Some(LaneHead { partition, last: head.last_sequence, published: head.published_sequence })
        });
        let heads = heads.collect::<Option<_>>();
        Ok(heads.map_or_else(|| Outcome::Failed("its heads cannot be read".into()), Outcome::Heads))
    }
}

/// Of what a source brought, what is missing; it must be the beginning of that.
fn wanted(mut messages: Vec<LaneMessage>, missing: &Missing) -> Outcome {
    let sequences = messages.iter().map(|message| message.envelope.sequence);
    if messages.is_empty() || !sequences.eq((missing.after + 1..).take(messages.len())) {
        return Outcome::Failed("what it brought is not what it was asked for".into());
    }
    messages.retain(|message| message.envelope.sequence <= missing.up_to);
    Outcome::Messages(messages)
}

/// As [`refusal`], of a source of this process.
fn refused(error: LaneReadError) -> Outcome {
    match error {
        LaneReadError::Gone { .. } => Outcome::Gone,
        LaneReadError::Ahead { last } => Outcome::Ahead { last },
        error @ (LaneReadError::Unknown { .. } | LaneReadError::Failed(_)) => {
            Outcome::Failed(error_text(&error))
        }
    }
}

/// A message as if it had been read from its topic; `None` if it cannot be one.
fn message(read: v1::LaneMessage, source: &str) -> Option<LaneMessage> {
    let causation = match read.causation_id.as_str() {
        "" => None,
        id => Some(Uuid::try_parse(id).ok()?),
    };
    Some(LaneMessage {
        key: Uuid::try_parse(&read.key).ok()?,
        envelope: Envelope {
            id: Uuid::try_parse(&read.message_id).ok()?,
            source: source.to_owned(),
            message_type: read.message_type,
            time: time(read.event_time?)?,
            sequence: read.sequence,
            incarnation: Uuid::try_parse(&read.incarnation).ok()?,
            causation,
            traceparent: Some(read.traceparent).filter(|traceparent| !traceparent.is_empty()),
        },
        payload: read.payload,
    })
}

/// The two answers that time does not change are told apart by their reason; everything else may get better.
fn refusal(status: &Status) -> Outcome {
    let info = status.get_details_error_info();
    match info.as_ref().map(|info| info.reason.as_str()) {
        Some("LANE_RANGE_GONE") => Outcome::Gone,
        Some("LANE_AHEAD_OF_SOURCE") => {
            let last = info.and_then(|info| info.metadata.get("last_sequence")?.parse().ok());
            Outcome::Ahead { last: last.unwrap_or(0) }
        }
        _ => Outcome::Failed(format!("{}: {}", status.code(), status.message())),
    }
}
