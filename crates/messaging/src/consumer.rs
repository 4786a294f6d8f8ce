//! Reads Kafka on a thread of its own and hands over what it read, many messages at a time.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use bowline_contracts::envelope::{Envelope, EnvelopeError};
use bowline_contracts::topics::Topic;
use bytes::Bytes;
use rdkafka::consumer::BaseConsumer;
use tokio::sync::mpsc;
use uuid::Uuid;

use self::reader::Reader;
use crate::diagnostics::Diagnostics;
use crate::tracker::Assignment;
use crate::{Error, KafkaOptions};

mod reader;

/// How many hand-overs may wait for the executor before reading pauses.
const HANDOVERS_WAITING_MAX: usize = 16;
/// What was read at a place of a topic.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) topic: &'static Topic,
    pub(crate) partition: u16,
    pub(crate) offset: i64,
    pub(crate) generation: u64,
    pub(crate) content: Content,
}

/// A record, or what there is to say about a place where there is none.
#[derive(Debug)]
pub(crate) enum Content {
    /// A message of ours.
    Message(Body),
    /// A record that is no message of ours.
    Malformed(Malformed),
    /// The topic does not have this offset, where reading was to go on. Nothing is read until it is told where to.
    Lost {
        /// The first offset that is there.
        low: i64,
    },
    /// What the partition holds, behind what was handed over before.
    Extent {
        /// The first offset that is there.
        low: i64,
        /// The offset of the next record to be written.
        high: i64,
    },
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
pub(crate) enum Order {
    Assign(Vec<Assignment>),
    Unassign(Vec<(&'static Topic, u16)>),
    Note(Vec<(&'static Topic, u16, i64)>),
    Measure(Vec<(&'static Topic, u16)>),
}

/// Finds the client that reads, as long as there is one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Handle(Arc<Mutex<Weak<BaseConsumer<Diagnostics>>>>);

impl Handle {
    pub(crate) fn get(&self) -> Option<Arc<BaseConsumer<Diagnostics>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
    }

    fn replace(&self, consumer: &Arc<BaseConsumer<Diagnostics>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(consumer);
    }
}

/// The reading thread. Dropping it stops the thread.
#[derive(Debug)]
pub(crate) struct Consumer {
    orders: Option<Sender<Order>>,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Consumer {
    /// Starts the thread; it reads nothing before it is told to.
    pub(crate) fn start(
        options: &KafkaOptions,
        group: &str,
        topics: &[&'static Topic],
    ) -> Result<(Self, mpsc::Receiver<Vec<Record>>), Error> {
        let config = options.consumer(group);
        let make = Box::new(move |context| config.create_with_context(context));
        let (orders, told) = channel();
        let (sender, records) = mpsc::channel(HANDOVERS_WAITING_MAX);
        let names = topics.iter().map(|topic| (options.topic_name(topic), *topic)).collect();
        let handle = Handle::default();
        let reading = Reader::new(make, handle.clone(), names, told, sender)?;
        let thread = std::thread::Builder::new()
            .name("consumer".into())
            .spawn(move || reading.run())
            .map_err(|error| Error::Metadata(format!("the consumer's thread cannot start: {error}")))?;
        Ok((Self { orders: Some(orders), handle, thread: Some(thread) }, records))
    }

    /// A consumer without a thread and without Kafka: whoever has the other end is told what to read, and hands over what
    /// was read.
    pub(crate) fn by_hand() -> (Self, Receiver<Order>) {
        let (orders, told) = channel();
        (Self { orders: Some(orders), handle: Handle::default(), thread: None }, told)
    }

    /// The client that reads, as long as the thread lives; for questions to the brokers.
    pub(crate) fn reader(&self) -> Handle {
        self.handle.clone()
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

    /// Asks what these partitions hold; the answers come among the records, where the broker gives one.
    pub(crate) fn measure(&self, partitions: Vec<(&'static Topic, u16)>) {
        self.tell(Order::Measure(partitions));
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
