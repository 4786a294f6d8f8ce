//! Topics on the broker: created by their owner, awaited by everybody else, known by their id.

use std::collections::HashMap;
use std::time::Duration;

use bowline_contracts::topics::{Topic, TopicKind};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{
    ApiKey, MetadataRequest, MetadataResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable as _, Encodable as _, HeaderVersion as _, StrBytes};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::types::RDKafkaErrorCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::diagnostics::Diagnostics;
use crate::{Error, KafkaOptions};

const PATIENCE: Duration = Duration::from_secs(10);
/// Metadata version 12 is the first that tells topic ids and is spoken by every broker since 3.1.
const METADATA_VERSION: i16 = 12;
/// How long commands are kept: longer than in any outbox.
pub(crate) const COMMAND_RETENTION: Duration = Duration::from_hours(30 * 24);

/// Creates those of `topics` that do not exist. Existing ones are left as they are.
pub(crate) async fn create(options: &KafkaOptions, topics: &[&Topic]) -> Result<(), Error> {
    if topics.is_empty() {
        return Ok(());
    }
    let admin: AdminClient<Diagnostics> = options.client().create_with_context(Diagnostics::of("admin"))?;
    let names: Vec<String> = topics.iter().map(|topic| options.topic_name(topic)).collect();
    let max_bytes = options.message_bytes_max.to_string();
    let command_retention = COMMAND_RETENTION.as_millis().to_string();
    let new: Vec<NewTopic<'_>> = topics
        .iter()
        .zip(&names)
        .map(|(topic, name)| {
            let retention = match topic.kind {
                TopicKind::Events => "-1",
                TopicKind::Commands => &command_retention,
            };
            let replication = TopicReplication::Fixed(i32::from(options.replication_factor));
            NewTopic::new(name, i32::from(topic.partitions), replication)
                .set("retention.ms", retention)
                .set("retention.bytes", "-1")
                .set("max.message.bytes", &max_bytes)
        })
        .collect();
    // Without a limit of its own a request sits with a broker that is away for a minute, although it is back sooner.
    let patience = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    let results = admin.create_topics(&new, &patience).await?;
    for result in results {
        match result {
            Ok(name) => tracing::info!(topic = name, "topic created"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                return Err(Error::Metadata(format!("topic {name} cannot be created: {code}")));
            }
        }
    }
    Ok(())
}

/// The ids of `topics`; an error while one is missing or has another number of partitions than it must have.
///
/// librdkafka's wrapper does not tell topic ids, so the question is put to a broker directly. Brokers that demand a
/// login are asked through librdkafka instead, and their topics are not in the answer.
pub(crate) async fn ids(
    options: &KafkaOptions,
    topics: &[&'static Topic],
) -> Result<HashMap<&'static str, Uuid>, Error> {
    if options.properties.0.iter().any(|(name, _)| name == "security.protocol") {
        let (options, topics) = (options.clone(), topics.to_vec());
        let checked = tokio::task::spawn_blocking(move || check_through_librdkafka(&options, &topics)).await;
        checked.map_err(|error| Error::Metadata(error.to_string()))??;
        return Ok(HashMap::new());
    }
    let response = tokio::time::timeout(PATIENCE, ask(options, topics))
        .await
        .map_err(|_| Error::Metadata("no broker answered in time".into()))??;
    let mut ids = HashMap::new();
    for topic in topics {
        let name = options.topic_name(topic);
        let named = |found: &&MetadataResponseTopic| {
            found.name.as_ref().is_some_and(|given| given.0.as_str() == name)
        };
        let found = response.topics.iter().find(named).filter(|found| found.error_code == 0);
        check_partitions(options, topic, found.map(|found| found.partitions.len()))?;
        ids.extend(found.map(|found| (topic.name, found.topic_id)));
    }
    Ok(ids)
}

fn check_through_librdkafka(options: &KafkaOptions, topics: &[&'static Topic]) -> Result<(), Error> {
    let client: BaseConsumer<Diagnostics> =
        options.client().create_with_context(Diagnostics::of("metadata"))?;
    for topic in topics {
        let metadata = client.fetch_metadata(Some(&options.topic_name(topic)), PATIENCE)?;
        let found = metadata.topics().first().filter(|found| found.error().is_none());
        check_partitions(options, topic, found.map(|found| found.partitions().len()))?;
    }
    Ok(())
}

fn check_partitions(options: &KafkaOptions, topic: &Topic, found: Option<usize>) -> Result<(), Error> {
    let (name, expected) = (options.topic_name(topic), usize::from(topic.partitions));
    match found {
        None => Err(Error::Metadata(format!("topic {name} does not exist yet: {} creates it", topic.owner))),
        Some(partitions) if partitions != expected => Err(Error::Metadata(format!(
            "topic {name} has {partitions} partitions instead of {expected}: orders would change their lane; make it again"
        ))),
        Some(_) => Ok(()),
    }
}

async fn ask(options: &KafkaOptions, topics: &[&'static Topic]) -> Result<MetadataResponse, Error> {
    let mut last = Error::Metadata("no broker is configured".into());
    for broker in &options.brokers {
        match ask_broker(broker, options, topics).await {
            Ok(response) => return Ok(response),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn ask_broker(
    broker: &str,
    options: &KafkaOptions,
    topics: &[&'static Topic],
) -> Result<MetadataResponse, Error> {
    let wrong = |error: &dyn std::fmt::Display| Error::Metadata(format!("{broker}: {error}"));
    let names = topics.iter().map(|topic| StrBytes::from_string(options.topic_name(topic)));
    let request = MetadataRequest::default()
        .with_topics(Some(
            names.map(|name| MetadataRequestTopic::default().with_name(Some(TopicName(name)))).collect(),
        ))
        .with_allow_auto_topic_creation(false);
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::Metadata as i16)
        .with_request_api_version(METADATA_VERSION)
        .with_correlation_id(1)
        .with_client_id(Some(StrBytes::from_static_str("bowline")));
    let mut body = bytes::BytesMut::new();
    header
        .encode(&mut body, MetadataRequest::header_version(METADATA_VERSION))
        .and_then(|()| request.encode(&mut body, METADATA_VERSION))
        .map_err(|error| wrong(&error))?;
    let mut stream = TcpStream::connect(broker).await.map_err(|error| wrong(&error))?;
    let length = u32::try_from(body.len()).expect("a request names a handful of topics");
    stream.write_u32(length).await.map_err(|error| wrong(&error))?;
    stream.write_all(&body).await.map_err(|error| wrong(&error))?;
    let length = stream.read_u32().await.map_err(|error| wrong(&error))?;
    if length > 16 << 20 {
        return Err(wrong(&"the answer is not one of Kafka's"));
    }
    let mut answer = vec![0_u8; length as usize];
    stream.read_exact(&mut answer).await.map_err(|error| wrong(&error))?;
    let mut answer = bytes::Bytes::from(answer);
    ResponseHeader::decode(&mut answer, MetadataResponse::header_version(METADATA_VERSION))
        .and_then(|_| MetadataResponse::decode(&mut answer, METADATA_VERSION))
        .map_err(|error| wrong(&error))
}
