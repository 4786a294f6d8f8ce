//! Reads topics from the outside: for tools, checks and tests. Keeps no position and applies no watermark.

use std::time::{Duration, Instant};

use bowline_contracts::envelope::HEAD_TYPE;
use bowline_contracts::topics::Topic;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::mpsc;

use crate::consumer::{Body, Consumer, Content, Record};
use crate::inbox::Incoming;
use crate::tracker::Assignment;
use crate::{Error, KafkaOptions};

/// How long the broker may take to answer a question, and a topic or its leader to become known to all brokers.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a broker that does not know a topic yet is left alone.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Where a tail begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// With the first message that is still there.
    Beginning,
    /// Behind the last message that is there now.
    Now,
}

/// A message as it lies on the topic; the same message may come more than once.
pub type Message = Incoming<()>;

/// A reader of topics.
#[derive(Debug)]
pub struct Tail {
    /// Keeps the reading thread alive.
    _consumer: Consumer,
    records: mpsc::Receiver<Vec<Record>>,
    /// Where the partitions ended in which something was to be read.
    ends: Vec<(&'static Topic, u16, i64)>,
}

impl Tail {
    /// Opens every partition of `topics`. Waits a while for topics that are not known yet: one that was just created is
    /// not known to every broker at once, and has no leader while its broker starts.
    pub async fn open(options: &KafkaOptions, topics: &[&'static Topic], from: From) -> Result<Self, Error> {
        let (options, topics) = (options.clone(), topics.to_vec());
        let opened = tokio::task::spawn_blocking(move || Self::open_blocking(&options, &topics, from)).await;
        opened.map_err(|error| Error::Metadata(error.to_string()))?
    }

    fn open_blocking(options: &KafkaOptions, topics: &[&'static Topic], from: From) -> Result<Self, Error> {
        let asking: BaseConsumer = options.consumer("bowline.tail").create()?;
        let known_by = Instant::now() + PATIENCE;
        let (consumer, records) = Consumer::start(options, "bowline.tail", topics)?;
        let (mut assignments, mut ends) = (Vec::new(), Vec::new());
        for topic in topics {
            for partition in 0..topic.partitions {
                let name = options.topic_name(topic);
                let (low, high) = extent(&asking, &name, i32::from(partition), known_by)?;
                let offset = if from == From::Beginning { low } else { high };
                if offset < high {
                    ends.push((*topic, partition, high));
                }
                assignments.push(Assignment { topic, partition, offset, generation: 0 });
            }
        }
        consumer.assign(assignments);
        Ok(Self { _consumer: consumer, records, ends })
    }

    /// The next messages; announcements of heads and foreign records are passed over. `None` when reading has ended.
    pub async fn next(&mut self) -> Option<Vec<Message>> {
        let records = self.records.recv().await?;
        Some(records.into_iter().filter_map(message).collect())
    }

    /// Every message that lay on the topics when the tail was opened, in order of offset within each partition.
    pub async fn read_to_end(mut self) -> Vec<Message> {
        let mut open: Vec<(&'static str, u16, i64)> =
            self.ends.iter().map(|(topic, partition, end)| (topic.name, *partition, *end)).collect();
        let mut messages = Vec::new();
        while !open.is_empty() {
            let Some(records) = self.records.recv().await else { break };
            for record in records {
                open.retain(|(topic, partition, end)| {
                    *topic != record.topic.name || *partition != record.partition || record.offset + 1 < *end
                });
                messages.extend(message(record));
            }
        }
        messages
    }
}

/// The first offset of a partition and the one behind its last.
fn extent(
    asking: &BaseConsumer,
    topic: &str,
    partition: i32,
    known_by: Instant,
) -> Result<(i64, i64), KafkaError> {
    loop {
        match asking.fetch_watermarks(topic, partition, PATIENCE) {
            Err(error) if is_not_known_yet(&error) && Instant::now() < known_by => {
                std::thread::sleep(ASK_AGAIN);
            }
            answer => return answer,
        }
    }
}

fn is_not_known_yet(error: &KafkaError) -> bool {
    let not_yet = [
        RDKafkaErrorCode::UnknownTopic,
        RDKafkaErrorCode::UnknownPartition,
        RDKafkaErrorCode::UnknownTopicOrPartition,
        RDKafkaErrorCode::LeaderNotAvailable,
        RDKafkaErrorCode::NotLeaderForPartition,
    ];
    error.rdkafka_error_code().is_some_and(|code| not_yet.contains(&code))
}

fn message(record: Record) -> Option<Message> {
    let Record { topic, partition, offset, content, .. } = record;
    match content {
        Content::Message(Body { key, envelope, payload }) if envelope.message_type != HEAD_TYPE => {
            Some(Message { input: (), topic, partition, offset, key, envelope, payload })
        }
        Content::Message(_) | Content::Extent { .. } => None,
        Content::Malformed(error) => {
            tracing::warn!(topic = topic.name, partition, offset, %error, "a record is no message of ours");
            None
        }
        Content::Lost { .. } => {
            tracing::error!(
                topic = topic.name,
                partition,
                offset,
                "the topic no longer has what was to be read"
            );
            None
        }
    }
}
