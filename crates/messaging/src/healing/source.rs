//! A source of messages as its consumers reach it: `LaneService` over gRPC, or, where sources share a process, directly.

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_contracts::common::v1;
use bowline_contracts::common::v1::lane_service_client::LaneServiceClient;
use bowline_contracts::convert::time;
use bowline_contracts::envelope::Envelope;
use bowline_contracts::topics::Topic;
use bowline_kernel::error_text;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use super::{Outcome, Question};
use crate::Error;
use crate::lane_reader::{LaneHead, LaneIncarnation, LaneMessage, LaneReadError, LaneReader};
use crate::tracker::{Followed, History, Link, Missing};

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
        match self {
            Self::Far(client) => client.answer(question).await.unwrap_or_else(|status| refusal(&status)),
            Self::Near(reader) => look_up(&reader, question).await.unwrap_or_else(refused),
        }
    }
}

/// The answer of a source of this process.
async fn look_up(reader: &LaneReader, question: &Question) -> Result<Outcome, LaneReadError> {
    Ok(match question {
        Question::Range(missing) => {
            let Missing { topic, partition, after, seen, .. } = missing;
            wanted(reader.read(topic.name, *partition, *after, *seen).await?, missing)
        }
        Question::Heads(followed) => {
            let partitions: Vec<u16> = followed.scheduled.keys().copied().collect();
            let (incarnation, heads) = reader.heads(followed.topic.name, &partitions).await?;
            Outcome::Heads(incarnation, heads)
        }
        Question::History(topic, _) => {
            let partitions: Vec<u16> = (0..topic.partitions).collect();
            let told = reader.history(topic.name, &partitions).await?;
            let links = told
                .into_iter()
                .map(|LaneIncarnation { incarnation, starts, .. }| Link { incarnation, starts });
            History::new(links.collect())
                .map_or_else(|| Outcome::Failed("its history cannot be read".into()), Outcome::History)
        }
    })
}

impl Client {
    async fn answer(mut self, question: &Question) -> Result<Outcome, Status> {
        match question {
            Question::Range(missing) => self.range(missing).await,
            Question::Heads(followed) => self.heads(followed).await,
            Question::History(topic, source) => self.history(topic, source).await,
        }
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
        LaneReadError::Ahead { last, incarnation } => Outcome::Ahead { last, incarnation },
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
