//! The thread that reads: obeys orders, drains what has come, hands it over.

mod stalls;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use bowline_contracts::topics::Topic;
use bytes::Bytes;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;
use uuid::Uuid;

use bowline_contracts::envelope::{Envelope, HEAD_TYPE};

use self::stalls::Watch;
use super::{Body, Content, Handle, Malformed, Order, Record};
use crate::diagnostics::Diagnostics;
use crate::tracker::Assignment;

/// The most records handed over at once.
const DRAIN_MAX: usize = 512;
/// How long a poll waits for the first record, and so how long an order to the thread may wait.
const POLL: Duration = Duration::from_millis(20);
/// How long the broker may take to say what a partition holds; nothing is read meanwhile.
const EXTENT_WITHIN: Duration = Duration::from_secs(1);
/// How long a broker that could not say it is left alone.
const EXTENT_AGAIN: Duration = Duration::from_secs(1);

/// By topic and partition: the first offset, and the one behind the last.
type Extents = HashMap<(&'static str, u16), (i64, i64)>;

/// Makes a client that reads nothing yet.
pub(super) type Make = Box<dyn Fn(Diagnostics) -> Result<BaseConsumer<Diagnostics>, KafkaError> + Send>;

pub(super) struct Reader {
    consumer: Arc<BaseConsumer<Diagnostics>>,
    /// Makes another one.
    make: Make,
    /// Where others find the client.
    handle: Handle,
    watch: Watch,
    names: HashMap<String, &'static Topic>,
    places: HashMap<(&'static str, u16), Place>,
    told: Receiver<Order>,
    sender: mpsc::Sender<Vec<Record>>,
    /// The partitions that are to be measured: together, because the broker takes its time for every question.
    wanted: HashSet<(&'static str, u16)>,
    /// What was found out and is not handed over yet.
    found: Vec<Record>,
    /// When to find out which partition has lost its position: librdkafka does not tell which one it is.
    doubt_at: Option<Instant>,
}

/// Where reading of a partition is.
#[derive(Debug)]
struct Place {
    topic: &'static Topic,
    generation: u64,
    next_offset: i64,
}

impl Reader {
    /// `handle` is told which client reads.
    pub(super) fn new(
        make: Make,
        handle: Handle,
        names: HashMap<String, &'static Topic>,
        told: Receiver<Order>,
        sender: mpsc::Sender<Vec<Record>>,
    ) -> Result<Self, KafkaError> {
        let consumer = Arc::new(make(Diagnostics::of("consumer"))?);
        handle.replace(&consumer);
        Ok(Self {
            consumer,
            make,
            handle,
            watch: Watch::new(),
            names,
            places: HashMap::new(),
            told,
            sender,
            wanted: HashSet::new(),
            found: Vec::new(),
            doubt_at: None,
        })
    }

    pub(super) fn run(mut self) {
        let mut read = Vec::with_capacity(DRAIN_MAX);
        loop {
            match self.told.try_recv() {
                Ok(order) => self.obey(order),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {
                    self.read(&mut read);
                    self.find_lost();
                    self.measure();
                    self.look_for_stalls();
                    read.append(&mut self.found);
                    if !self.hand_over(&mut read) {
                        return;
                    }
                }
            }
        }
    }

    /// Waits for one record, then takes what is there.
    fn read(&mut self, read: &mut Vec<Record>) {
        let mut patience = POLL;
        while read.len() < DRAIN_MAX {
            match self.consumer.poll(patience) {
                None => {
                    self.watch.drained = true;
                    return;
                }
                Some(Ok(message)) => {
                    self.consumer.context().answered();
                    read.extend(record(&self.names, &mut self.places, &message));
                }
                Some(Err(error)) if is_lost_position(&error) => self.doubt_at = Some(Instant::now()),
                Some(Err(error)) => tracing::debug!(%error, "consumer met an error and goes on"),
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
                        Err(RecvTimeoutError::Timeout) => {}
                        Err(RecvTimeoutError::Disconnected) => return false,
                    }
                }
            }
        }
        true
    }

    fn obey(&mut self, order: Order) {
        let result = match order {
            Order::Assign(assignments) => self.assign(assignments),
            Order::Unassign(partitions) => self.unassign(&partitions),
            Order::Note(positions) => self.note(&positions),
            Order::Measure(partitions) => {
                self.wanted.extend(partitions.into_iter().map(|(topic, partition)| (topic.name, partition)));
                Ok(())
            }
        };
        if let Err(error) = result {
            tracing::error!(%error, "consumer did not obey");
        }
    }

    fn assign(&mut self, assignments: Vec<Assignment>) -> Result<(), KafkaError> {
        let known = |a: &&Assignment| self.places.contains_key(&(a.topic.name, a.partition));
        let again: Vec<_> = assignments.iter().filter(known).map(|a| (a.topic, a.partition)).collect();
        self.unassign(&again)?;
        let mut list = TopicPartitionList::new();
        for Assignment { topic, partition, offset, generation } in assignments {
            // A topic of commands forgets its beginning; the gap shows in the sequences, if it is one.
            let from = if offset == 0 { Offset::Beginning } else { Offset::Offset(offset) };
            list.add_partition_offset(&self.name(topic), i32::from(partition), from)?;
            self.places.insert((topic.name, partition), Place { topic, generation, next_offset: offset });
        }
        self.consumer.incremental_assign(&list)
    }

    fn unassign(&mut self, partitions: &[(&'static Topic, u16)]) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        for (topic, partition) in partitions {
            if self.places.remove(&(topic.name, *partition)).is_some() {
                list.add_partition(&self.name(topic), i32::from(*partition));
            }
        }
        if list.count() == 0 { Ok(()) } else { self.consumer.incremental_unassign(&list) }
    }

    /// A broker that is away is asked again by whoever wants to know; its partitions end nowhere meanwhile.
    fn measure(&mut self) {
        let wanted = std::mem::take(&mut self.wanted);
        match self.extents(|name| wanted.contains(name)) {
            Ok(extents) => self.found.extend(extents.into_iter().map(|((topic, partition), (low, high))| {
                self.places[&(topic, partition)].record(partition, Content::Extent { low, high })
            })),
            Err(error) => tracing::debug!(%error, "partitions cannot be measured now"),
        }
    }

    /// Says which partitions have lost their position. If all have theirs (a leader may lose and regain the end of its
    /// log), reading, which has stopped somewhere, goes on everywhere where it was.
    fn find_lost(&mut self) {
        if self.doubt_at.is_none_or(|at| Instant::now() < at) {
            return;
        }
        let extents = match self.extents(|_| true) {
            Ok(extents) => extents,
            Err(error) => {
                tracing::debug!(%error, "it is not known yet which position was lost");
                self.doubt_at = Some(Instant::now() + EXTENT_AGAIN);
                return;
            }
        };
        self.doubt_at = None;
        let lost = extents.into_iter().filter_map(|((topic, partition), (low, high))| {
            let place = &self.places[&(topic, partition)];
            let is_there = (low..=high).contains(&place.next_offset);
            (!is_there).then(|| place.record(partition, Content::Lost { low }))
        });
        let lost: Vec<Record> = lost.collect();
        if !lost.is_empty() {
            self.found.extend(lost);
            return;
        }
        let again: Vec<Assignment> =
            self.places.iter().map(|((_, partition), place)| place.assignment(*partition)).collect();
        self.obey(Order::Assign(again));
    }

    /// The first offset of each of these partitions and the offset behind its last, of all or none.
    fn extents(&self, of: impl Fn(&(&'static str, u16)) -> bool) -> Result<Extents, KafkaError> {
        let mut extents = Extents::new();
        if !self.places.keys().any(&of) {
            return Ok(extents);
        }
        let places = || self.places.iter().filter(|(name, _)| of(name));
        // The offsets of these "times" are the first one and the next one, by Kafka's protocol.
        let ask = |end: Offset| {
            let mut list = TopicPartitionList::new();
            for ((_, partition), place) in places() {
                list.add_partition_offset(&self.name(place.topic), i32::from(*partition), end)?;
            }
            self.consumer.offsets_for_times(list, EXTENT_WITHIN)
        };
        let (lows, highs) = (ask(Offset::Beginning)?, ask(Offset::End)?);
        for (name @ (_, partition), place) in places() {
            let (topic, partition) = (self.name(place.topic), i32::from(*partition));
            let offset = |list: &TopicPartitionList| {
                let found = list.find_partition(&topic, partition).ok_or(KafkaError::Canceled)?;
                found.error()?;
                found.offset().to_raw().ok_or(KafkaError::Canceled)
            };
            extents.insert(*name, (offset(&lows)?, offset(&highs)?));
        }
        Ok(extents)
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
        None if envelope.message_type == HEAD_TYPE => Uuid::nil(),
        None => return Err(Malformed::Key),
        Some(key) => Uuid::try_parse_ascii(key).map_err(|_| Malformed::Key)?,
    };
    Ok(Body { key, envelope, payload: Bytes::copy_from_slice(message.payload().unwrap_or_default()) })
}

fn record(
    names: &HashMap<String, &'static Topic>,
    places: &mut HashMap<(&'static str, u16), Place>,
    message: &BorrowedMessage<'_>,
) -> Option<Record> {
    let topic = *names.get(message.topic())?;
    let partition = u16::try_from(message.partition()).ok()?;
    let place = places.get_mut(&(topic.name, partition))?;
    let content = body(message).map_or_else(Content::Malformed, Content::Message);
    let record = Record { offset: message.offset(), ..place.record(partition, content) };
    place.next_offset = message.offset() + 1;
    Some(record)
}

impl Place {
    /// To be read from where reading is.
    fn assignment(&self, partition: u16) -> Assignment {
        let Self { topic, generation, next_offset } = *self;
        Assignment { topic, partition, offset: next_offset, generation }
    }

    /// Something to be said about where reading is.
    fn record(&self, partition: u16, content: Content) -> Record {
        Record {
            topic: self.topic,
            partition,
            offset: self.next_offset,
            generation: self.generation,
            content,
        }
    }
}

fn is_lost_position(error: &KafkaError) -> bool {
    let lost = [RDKafkaErrorCode::AutoOffsetReset, RDKafkaErrorCode::OffsetOutOfRange];
    error.rdkafka_error_code().is_some_and(|code| lost.contains(&code))
}
