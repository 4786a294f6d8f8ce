//! A source of messages as its consumers reach it: `LaneService` over gRPC.

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_contracts::common::v1;
use bowline_contracts::common::v1::lane_service_client::LaneServiceClient;
use bowline_contracts::convert::time;
use bowline_contracts::envelope::Envelope;
use bowline_contracts::topics::Topic;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::{Outcome, Question};
use crate::Error;
use crate::lane_reader::{LaneHead, LaneMessage};
use crate::tracker::{Followed, History, Link, Missing};

/// What clients of gRPC take by default. A page is far smaller, unless one message is larger than a page.
const ANSWER_BYTES_MIN: usize = 4 << 20;
/// Room for what surrounds the largest message.
const ANSWER_BYTES_SPARE: usize = 1 << 20;

/// One source.
#[derive(Debug, Clone)]
pub(super) struct Source {
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
        Ok(Self { client: LaneServiceClient::new(channel).max_decoding_message_size(answer_bytes_max) })
    }

    pub(super) async fn answer(mut self, question: &Question) -> Outcome {
        let answered = match question {
            Question::Range(missing) => self.range(missing).await,
            Question::Heads(followed) => self.heads(followed).await,
            Question::History(topic, source) => self.history(topic, source).await,
        };
        answered.unwrap_or_else(|status| refusal(&status))
    }

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
        let Some(mut messages) = read.collect::<Option<Vec<LaneMessage>>>() else {
            return Ok(Outcome::Failed("what it brought is no message of ours".into()));
        };
        let sequences = messages.iter().map(|message| message.envelope.sequence);
        if messages.is_empty() || !sequences.eq((missing.after + 1..).take(messages.len())) {
            return Ok(Outcome::Failed("what it brought is not what it was asked for".into()));
        }
        messages.retain(|message| message.envelope.sequence <= missing.up_to);
        Ok(Outcome::Messages(messages))
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
        let heads = heads.collect::<Option<_>>().zip(Uuid::try_parse(&answer.incarnation).ok());
        Ok(match heads {
            Some((heads, incarnation)) => Outcome::Heads(incarnation, heads),
            None => Outcome::Failed("its heads cannot be read".into()),
        })
    }

    async fn history(&mut self, topic: &Topic, source: &str) -> Result<Outcome, Status> {
        let request = v1::GetHistoryRequest {
            source: source.to_owned(),
            topic: topic.name.to_owned(),
            partitions: (0..topic.partitions).map(u32::from).collect(),
        };
        let answer = self.client.get_history(request).await?.into_inner();
        let history = history(&answer.incarnations, topic);
        Ok(history.map_or_else(|| Outcome::Failed("its history cannot be read".into()), Outcome::History))
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

/// A history of every lane of the topic; `None` if it cannot be one.
fn history(told: &[v1::Incarnation], topic: &Topic) -> Option<History> {
    let follows = told.windows(2).all(|pair| pair[1].parent == pair[0].incarnation);
    let links = told.iter().map(|told| {
        let starts = told.starts.iter().map(|start| {
            let partition = u16::try_from(start.partition).ok()?;
            Some((partition, start.last_sequence))
        });
        let starts = starts.collect::<Option<BTreeMap<u16, i64>>>()?;
        let whole = starts.keys().copied().eq(0..topic.partitions);
        whole.then_some(Link { incarnation: Uuid::try_parse(&told.incarnation).ok()?, starts })
    });
    History::new(links.collect::<Option<_>>()?).filter(|_| follows)
}

/// The two answers that time does not change are told apart by their reason; everything else may get better.
fn refusal(status: &Status) -> Outcome {
    let info = status.get_details_error_info();
    let said = |name| info.as_ref().and_then(|info| info.metadata.get(name));
    match info.as_ref().map(|info| info.reason.as_str()) {
        Some("LANE_RANGE_GONE") => Outcome::Gone,
        Some("LANE_AHEAD_OF_SOURCE") => Outcome::Ahead {
            last: said("last_sequence").and_then(|last| last.parse().ok()).unwrap_or(0),
            incarnation: said("incarnation").and_then(|id| id.parse().ok()).unwrap_or_default(),
        },
        _ => Outcome::Failed(format!("{}: {}", status.code(), status.message())),
    }
}
