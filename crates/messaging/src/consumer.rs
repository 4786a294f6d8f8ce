//! Reads Kafka on a thread of its own and hands over what it read, many messages at a time.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use bowline_contracts::envelope::{Envelope, EnvelopeError};
use bowline_contracts::topics::Topic;
use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::diagnostics::Diagnostics;
use crate::tracker::Assignment;
use crate::{Error, KafkaOptions};

/// The most records handed over at once.
const DRAIN_MAX: usize = 512;
/// How many hand-overs may wait for the executor before reading pauses.
const HANDOVERS_WAITING_MAX: usize = 16;
/// How long a poll waits for the first record, and so how long an order to the thread may wait.
const POLL: Duration = Duration::from_millis(20);

/// A record as read.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) topic: &'static Topic,
    pub(crate) partition: u16,
    pub(crate) offset: i64,
    pub(crate) generation: u64,
    pub(crate) body: Result<Body, Malformed>,
}

/// A record that is a message of ours.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) key: Uuid,
    pub(crate) envelope: Envelope,
    pub(crate) payload: Bytes,
}

/// Why a record is no message of ours.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the key must be a hyphenated UUID")]
    Key,
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// What the thread is told.
#[derive(Debug)]
enum Order {
    Assign(Vec<Assignment>),
    Unassign(Vec<(&'static Topic, u16)>),
    Note(Vec<(&'static Topic, u16, i64)>),
}

/// The reading thread. Dropping it stops the thread.
#[derive(Debug)]
pub(crate) struct Consumer {
    orders: Option<Sender<Order>>,
    reader: Weak<BaseConsumer<Diagnostics>>,
    thread: Option<JoinHandle<()>>,
}

impl Consumer {
    /// Starts the thread; it reads nothing before it is told to.
    pub(crate) fn start(
        options: &KafkaOptions,
        group: &str,
        topics: &[&'static Topic],
    ) -> Result<(Self, mpsc::Receiver<Vec<Record>>), Error> {
        let consumer: Arc<BaseConsumer<_>> =
            Arc::new(options.consumer(group).create_with_context(Diagnostics::of("consumer"))?);
        let reader = Arc::downgrade(&consumer);
        let (orders, told) = channel();
        let (sender, records) = mpsc::channel(HANDOVERS_WAITING_MAX);
        let names = topics.iter().map(|topic| (options.topic_name(topic), *topic)).collect();
        let reading = Reader { consumer, names, generations: HashMap::new(), told, sender };
        let thread = std::thread::Builder::new()
            .name("consumer".into())
            .spawn(move || reading.run())
            .map_err(|error| Error::Metadata(format!("the consumer's thread cannot start: {error}")))?;
        Ok((Self { orders: Some(orders), reader, thread: Some(thread) }, records))
    }

    /// The client that reads, as long as the thread lives; for questions to the brokers.
    pub(crate) fn reader(&self) -> Weak<BaseConsumer<Diagnostics>> {
        Weak::clone(&self.reader)
    }

    /// Reads these partitions from these offsets, those already read anew.
    pub(crate) fn assign(&self, assignments: Vec<Assignment>) {
        self.tell(Order::Assign(assignments));
    }

    /// Reads these partitions no more.
    pub(crate) fn unassign(&self, partitions: Vec<(&'static Topic, u16)>) {
        self.tell(Order::Unassign(partitions));
    }

    /// Tells the consumer group how far we are.
    pub(crate) fn note(&self, positions: Vec<(&'static Topic, u16, i64)>) {
        self.tell(Order::Note(positions));
    }

    fn tell(&self, order: Order) {
        if let Some(orders) = &self.orders
            && orders.send(order).is_err()
        {
            tracing::error!("consumer thread has ended");
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("consumer thread panicked");
        }
    }
}

struct Reader {
    consumer: Arc<BaseConsumer<Diagnostics>>,
    names: HashMap<String, &'static Topic>,
    generations: HashMap<(&'static str, u16), u64>,
    told: Receiver<Order>,
    sender: mpsc::Sender<Vec<Record>>,
}

impl Reader {
    fn run(mut self) {
        let mut read = Vec::with_capacity(DRAIN_MAX);
        loop {
            match self.told.try_recv() {
                Ok(order) => self.obey(order),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {
                    self.read(&mut read);
                    if !self.hand_over(&mut read) {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for one record, then takes what is there.
    fn read(&self, read: &mut Vec<Record>) {
        let mut patience = POLL;
        while read.len() < DRAIN_MAX {
            match self.consumer.poll(patience) {
                None => return,
                Some(Ok(message)) => {
                    self.consumer.context().answered();
                    read.extend(self.record(&message));
                }
                Some(Err(error)) => report(&error),
            }
            patience = Duration::ZERO;
        }
    }

    /// Waits until the executor takes the records, obeying orders meanwhile. False when nobody will take them.
    fn hand_over(&mut self, read: &mut Vec<Record>) -> bool {
        let mut records = std::mem::take(read);
        while !records.is_empty() {
            match self.sender.try_send(records) {
                Ok(()) => break,
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
                Err(mpsc::error::TrySendError::Full(back)) => {
                    records = back;
                    match self.told.recv_timeout(POLL / 4) {
                        Ok(order) => self.obey(order),
                        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return false,
                    }
                }
            }
        }
        true
    }

    fn record(&self, message: &BorrowedMessage<'_>) -> Option<Record> {
        let topic = *self.names.get(message.topic())?;
        let partition = u16::try_from(message.partition()).ok()?;
        let generation = *self.generations.get(&(topic.name, partition))?;
        Some(Record { topic, partition, offset: message.offset(), generation, body: body(message) })
    }

    fn obey(&mut self, order: Order) {
        let result = match order {
            Order::Assign(assignments) => self.assign(assignments),
            Order::Unassign(partitions) => self.unassign(&partitions),
            Order::Note(positions) => self.note(&positions),
        };
        if let Err(error) = result {
            tracing::error!(%error, "consumer did not obey");
        }
    }

    fn assign(&mut self, assignments: Vec<Assignment>) -> Result<(), KafkaError> {
        let known = |a: &&Assignment| self.generations.contains_key(&(a.topic.name, a.partition));
        let again: Vec<_> = assignments.iter().filter(known).map(|a| (a.topic, a.partition)).collect();
        self.unassign(&again)?;
        let mut list = TopicPartitionList::new();
        for assignment in assignments {
            let name = self.name(assignment.topic);
            // A topic of commands forgets its beginning; the gap shows in the sequences, if it is one.
            let offset =
                if assignment.offset == 0 { Offset::Beginning } else { Offset::Offset(assignment.offset) };
            list.add_partition_offset(&name, i32::from(assignment.partition), offset)?;
            self.generations.insert((assignment.topic.name, assignment.partition), assignment.generation);
        }
        self.consumer.incremental_assign(&list)
    }

    fn unassign(&mut self, partitions: &[(&'static Topic, u16)]) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in partitions {
            if self.generations.remove(&(topic.name, *partition)).is_some() {
                list.add_partition(&self.name(topic), i32::from(*partition));
            }
        }
        if list.count() == 0 { Ok(()) } else { self.consumer.incremental_unassign(&list) }
    }

    fn note(&self, positions: &[(&'static Topic, u16, i64)]) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        for (topic, partition, offset) in positions {
            list.add_partition_offset(&self.name(topic), i32::from(*partition), Offset::Offset(*offset))?;
        }
        if list.count() == 0 { Ok(()) } else { self.consumer.commit(&list, CommitMode::Async) }
    }

    fn name(&self, topic: &Topic) -> String {
        let named = self.names.iter().find(|(_, known)| known.name == topic.name);
        named.map_or_else(|| topic.name.to_owned(), |(name, _)| name.clone())
    }
}

fn body(message: &BorrowedMessage<'_>) -> Result<Body, Malformed> {
    let headers = message
        .headers()
        .map(|headers| headers.iter().filter_map(|header| header.value.map(|value| (header.key, value))));
    let envelope = Envelope::decode(headers.into_iter().flatten())?;
    let key = match message.key() {
        // The head of a lane belongs to no order.
        None if envelope.message_type == bowline_contracts::envelope::HEAD_TYPE => Uuid::nil(),
        None => return Err(Malformed::Key),
        Some(key) => Uuid::try_parse_ascii(key).map_err(|_| Malformed::Key)?,
    };
    Ok(Body { key, envelope, payload: Bytes::copy_from_slice(message.payload().unwrap_or_default()) })
}

/// Brokers come and go; what a person must look at is an offset that does not exist.
fn report(error: &KafkaError) {
    let lost = [RDKafkaErrorCode::AutoOffsetReset, RDKafkaErrorCode::OffsetOutOfRange];
    if error.rdkafka_error_code().is_some_and(|code| lost.contains(&code)) {
        tracing::error!(%error, "the topic no longer has the position where reading goes on");
    } else {
        tracing::debug!(%error, "consumer met an error and goes on");
    }
}
