//! Kafka without the lanes: a speaker that says what it likes, and topics that are deleted.

use std::collections::BTreeMap;

use bowline_contracts::envelope::{Envelope, HEAD_TYPE};
use bowline_contracts::topics::{ORDERS, ORDERS_EVENTS, Topic};
use bowline_messaging::KafkaOptions;
use bowline_messaging::tail::{From, Tail};
use bowline_test_support::eventually;
use chrono::DateTime;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use uuid::Uuid;

use crate::stage::{PATIENCE, SAID, key_in};

/// The history in which a [`Speaker`] gives its sequences unless told otherwise.
pub(crate) const HISTORY: Uuid = Uuid::from_u128(0x4157);

/// Pretends to be the source `orders`.
pub(crate) struct Speaker {
    producer: FutureProducer,
    topic: String,
    history: Uuid,
}

impl Speaker {
    pub(crate) fn new(kafka: &KafkaOptions) -> Self {
        Self::of(kafka, HISTORY)
    }

    /// One that gives its sequences in this history.
    pub(crate) fn of(kafka: &KafkaOptions, history: Uuid) -> Self {
        let producer = client(kafka).set("allow.auto.create.topics", "false").create().unwrap();
        Self { producer, topic: kafka.topic_name(&ORDERS_EVENTS), history }
    }

    /// Sends the messages with these sequences, about the keys `key_in(partition, sequence)`.
    pub(crate) async fn say(&self, partition: u16, sequences: impl IntoIterator<Item = i64>) {
        for sequence in sequences {
            let envelope = Envelope { incarnation: self.history, ..envelope(SAID, sequence) };
            self.send(partition, &envelope).await;
        }
    }

    /// Announces the head of the lane.
    pub(crate) async fn announce(&self, partition: u16, sequence: i64) {
        let envelope = Envelope { incarnation: self.history, ..envelope(HEAD_TYPE, sequence) };
        self.send(partition, &envelope).await;
    }

    pub(crate) async fn send(&self, partition: u16, envelope: &Envelope) {
        self.send_about(partition, envelope, key_of(partition, envelope.sequence), b"said").await;
    }

    /// Sends a message about any key of the partition.
    pub(crate) async fn send_about(&self, partition: u16, envelope: &Envelope, key: Uuid, payload: &[u8]) {
        let mut headers = OwnedHeaders::new();
        envelope.encode(|name, value| {
            headers = std::mem::replace(&mut headers, OwnedHeaders::new())
                .insert(Header { key: name, value: Some(value) });
        });
        let about = key.to_string();
        let mut record =
            FutureRecord::to(&self.topic).partition(i32::from(partition)).payload(payload).headers(headers);
        if envelope.message_type != HEAD_TYPE {
            record = record.key(about.as_bytes());
        }
        self.producer.send(record, PATIENCE).await.unwrap();
    }

    /// Sends a record that is no message of ours.
    pub(crate) async fn babble(&self, partition: u16) {
        let record: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(&self.topic).partition(i32::from(partition)).payload(b"babble".as_slice());
        self.producer.send(record, PATIENCE).await.unwrap();
    }
}

/// What a [`Speaker`]'s message is about.
pub(crate) fn key_of(partition: u16, sequence: i64) -> Uuid {
    key_in(partition, usize::try_from(sequence).unwrap())
}

pub(crate) fn envelope(message_type: &str, sequence: i64) -> Envelope {
    Envelope {
        id: Uuid::from_u128(sequence.unsigned_abs().into()),
        source: ORDERS.into(),
        message_type: message_type.into(),
        time: DateTime::UNIX_EPOCH,
        sequence,
        incarnation: HISTORY,
        causation: None,
        traceparent: None,
    }
}

/// The sequences as they lie on the topic, by partition.
pub(crate) async fn published(kafka: &KafkaOptions, topic: &'static Topic) -> BTreeMap<u16, Vec<i64>> {
    let mut published = BTreeMap::new();
    for message in Tail::open(kafka, &[topic], From::Beginning).await.unwrap().read_to_end().await {
        published.entry(message.partition).or_insert_with(Vec::new).push(message.envelope.sequence);
    }
    published
}

/// The heads announced on a partition: each with the history that it was announced in. None on a topic that is not there.
pub(crate) async fn announced(kafka: &KafkaOptions, topic: &Topic, partition: u16) -> Vec<(Uuid, i64)> {
    let consumer: BaseConsumer = client(kafka).set("group.id", "none").create().unwrap();
    let (name, partition) = (kafka.topic_name(topic), i32::from(partition));
    let read = move || {
        let (low, high) = match consumer.fetch_watermarks(&name, partition, PATIENCE) {
            // Whoever creates the topic has not come to it yet.
            Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownPartition)) => return Vec::new(),
            extent => extent.unwrap(),
        };
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&name, partition, Offset::Beginning).unwrap();
        consumer.assign(&list).unwrap();
        let records = (low..high).map(|_| consumer.poll(PATIENCE).unwrap().unwrap().detach());
        records.collect::<Vec<_>>()
    };
    let records = tokio::task::spawn_blocking(read).await.unwrap();
    let envelopes = records.iter().map(|record| {
        let headers = record.headers().unwrap();
        Envelope::decode(headers.iter().filter_map(|header| Some((header.key, header.value?)))).unwrap()
    });
    let heads = envelopes.filter(|envelope| envelope.message_type == HEAD_TYPE);
    heads.map(|head| (head.incarnation, head.sequence)).collect()
}

/// Creates a topic as its owner does.
pub(crate) async fn create_topic(kafka: &KafkaOptions, topic: &'static Topic) {
    let admin: AdminClient<DefaultClientContext> = client(kafka).create().unwrap();
    let name = kafka.topic_name(topic);
    let new = NewTopic::new(&name, i32::from(topic.partitions), TopicReplication::Fixed(1));
    admin.create_topics(&[new], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
}

/// Deletes a topic and waits until it is gone.
pub(crate) async fn delete_topic(kafka: &KafkaOptions, topic: &'static Topic) {
    let admin: AdminClient<DefaultClientContext> = client(kafka).create().unwrap();
    let name = kafka.topic_name(topic);
    admin.delete_topics(&[&name], &AdminOptions::new()).await.unwrap()[0].as_ref().unwrap();
    let asking: BaseConsumer = client(kafka).create().unwrap();
    eventually("the topic is gone", PATIENCE, async || {
        let metadata = asking.fetch_metadata(Some(&name), PATIENCE).unwrap();
        metadata.topics()[0].error().map(|_| ())
    })
    .await;
}

/// Deletes what a partition holds before an offset, or all of it.
pub(crate) async fn delete_records(
    kafka: &KafkaOptions,
    topic: &'static Topic,
    partition: u16,
    before: Option<i64>,
) {
    let admin: AdminClient<DefaultClientContext> = client(kafka).create().unwrap();
    let mut list = TopicPartitionList::new();
    let before = before.map_or(Offset::End, Offset::Offset);
    list.add_partition_offset(&kafka.topic_name(topic), i32::from(partition), before).unwrap();
    let deleted = admin.delete_records(&list, &AdminOptions::new()).await.unwrap();
    deleted.elements()[0].error().unwrap();
}

fn client(kafka: &KafkaOptions) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.brokers.join(","));
    config
}
