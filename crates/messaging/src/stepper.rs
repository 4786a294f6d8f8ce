//! A replica that moves only when it is told to, and whose Kafka is played by its caller: for simulations.
//!
//! Executor, tracker, healing and relay are those of a [`crate::Node`]. Instead of the loops around them there are
//! methods, instead of Kafka there are [`Ask`], [`Heard`] and [`HandedOver`]. Time is tokio's: with a paused clock
//! everything depends on the order of the calls alone.

use std::sync::Arc;
use std::sync::mpsc::Receiver;

use bowline_contracts::envelope::Envelope;
use bowline_contracts::topics::{ALL, Topic};
use bowline_kernel::SystemIds;
use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::consumer::{Body, Consumer, Content, Order, Record};
use crate::executor::{Answer, Batches, Commands, Executor, ExecutorParts, Failovers, Pace, Troubles};
use crate::healing::Healer;
use crate::inbox::Inbox;
use crate::inputs::Progress as Applied;
use crate::parking::Parking;
use crate::producer::{Broker, Progress, Publication};
use crate::relay::{OFFERS_WAITING_MAX, Relay, RelayParts};
use crate::topic_watch::TopicIds;
use crate::{CommandError, Error, Handler, LaneReader, Owned, Registered};

/// A replica in the hands of its caller.
pub struct Stepper<H: Handler> {
    executor: Executor<H>,
    relay: Relay,
    commands: Commands<H::Command, H::Reply>,
    owned: watch::Sender<Owned>,
    orders: Receiver<Order>,
    handed_over: mpsc::UnboundedReceiver<HandedOver>,
    /// Kept open: the executor looks at it.
    _topic_ids: watch::Sender<Option<TopicIds>>,
}

/// A place to read from. What was read under another generation is of no interest any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The topic.
    pub topic: &'static Topic,
    /// The partition.
    pub partition: u16,
    /// The offset of the next record.
    pub offset: i64,
    /// To be given back with what is read.
    pub generation: u64,
}

/// What the replica asks of its broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Read from here, also when the partition is being read already.
    Read(Reading),
    /// Read this partition no more.
    Leave(&'static Topic, u16),
    /// Say what this partition holds.
    Measure(&'static Topic, u16),
}

/// What was read at a place.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Where; the offset is that of the record.
    pub at: Reading,
    /// What.
    pub read: Read,
}

/// A record, or what there is to say about a place where there is none.
#[derive(Debug, Clone)]
pub enum Read {
    /// A message.
    Message {
        /// The order that it is about.
        key: Uuid,
        /// What came in its headers.
        envelope: Envelope,
        /// The encoded protobuf message.
        payload: Bytes,
    },
    /// The partition does not have this offset. Nothing is read until it is asked for again.
    Lost {
        /// The first offset that is there.
        low: i64,
    },
    /// What the partition holds.
    Extent {
        /// The first offset that is there.
        low: i64,
        /// The offset of the next record to be written.
        high: i64,
    },
}

/// A message that the replica has given to its broker and whose fate is open.
#[derive(Debug, Clone)]
pub struct HandedOver {
    /// The topic's name, with namespace.
    pub topic: String,
    /// The partition.
    pub partition: u16,
    /// The order that it is about; `None` for the announcement of a head.
    pub key: Option<Uuid>,
    /// What travels in its headers.
    pub envelope: Envelope,
    /// The encoded protobuf message.
    pub payload: Bytes,
    lane_index: usize,
    progress: Arc<Progress>,
}

impl HandedOver {
    pub(crate) fn new(publication: &Publication<'_>, progress: Arc<Progress>) -> Self {
        Self {
            topic: publication.topic.to_owned(),
            partition: publication.partition,
            key: publication.key,
            envelope: publication.envelope.clone(),
            payload: Bytes::copy_from_slice(publication.payload),
            lane_index: publication.lane_index,
            progress,
        }
    }

    /// The broker has it.
    pub fn acknowledge(&self) {
        if self.key.is_some() {
            self.progress.acknowledge(self.lane_index, self.envelope.sequence);
        }
    }

    /// It is not known whether the broker has it: the replica publishes again from there.
    pub fn fail(&self) {
        self.progress.fail();
    }
}

impl Registered {
    /// A replica that nothing moves but its caller. Its gaps are healed by `sources`. May be called again, as a process
    /// is started again: nothing is shared but connections.
    pub fn by_hand<H: Handler>(&self, handler: H, sources: Vec<LaneReader>) -> Result<Stepper<H>, Error> {
        let wiring = &self.wiring;
        let lanes = self.options.lanes.clone();
        let (commands, calls) = Commands::new(lanes.commands_waiting_max);
        let (consumer, orders) = Consumer::by_hand();
        let (_, records) = mpsc::channel(1);
        let (offers, offered) = mpsc::channel(OFFERS_WAITING_MAX);
        let ids: TopicIds =
            ALL.iter().zip(1..).map(|(topic, id)| (topic.name, Uuid::from_u128(id))).collect();
        let (topic_ids_sender, topic_ids) = watch::channel(Some(ids));
        let (owned, owned_receiver) = watch::channel(Owned::new());
        let (taken, handed_over) = mpsc::unbounded_channel();
        let (healer, _) = Healer::by_hand(wiring.source, sources, self.hot.clone());
        let parts = ExecutorParts {
            handler,
            options: lanes.clone(),
            // Whoever steps decides himself when a batch begins.
            pace: Pace::default(),
            database: self.hot.clone(),
            ids: SystemIds,
            inbox: Inbox::new(wiring.source, &wiring.hears),
            parking: Parking::new(wiring.source, &wiring.hears, lanes.parked_messages_max),
            calls,
            turns: commands.turns().clone(),
            consumer,
            records,
            owned: owned_receiver.clone(),
            topic_ids,
            offers,
            troubles: watch::channel(Troubles::default()).0,
            failovers: watch::channel(Failovers::default()).0,
            progress: watch::channel(Applied::new()).0,
            batches: Batches::default(),
        };
        let relay = RelayParts {
            broker: Broker::ByHand(taken),
            namespace: self.options.kafka.namespace.clone(),
            lanes,
            source: wiring.source,
            database: self.hot.clone(),
            notes: self.lazy.clone(),
            outbox: self.outbox.clone(),
            owned: owned_receiver,
            offers: offered,
        };
        Ok(Stepper {
            executor: Executor::new(parts, healer),
            relay: Relay::start(relay)?,
            commands,
            owned,
            orders,
            handed_over,
            _topic_ids: topic_ids_sender,
        })
    }

    /// What this service has sent, for consumers whose topic has lost it.
    pub fn lane_reader(&self) -> LaneReader {
        self.lane_reader.clone()
    }
}

impl<H: Handler> Stepper<H> {
    /// From now on the replica takes itself for the holder of these partitions, whether it is or not.
    pub async fn own(&mut self, owned: Owned) {
        self.owned.send_replace(owned);
        self.executor.turn_to_leases().await;
        self.relay.take_over().await;
    }

    /// Has a command executed in the next batch.
    pub fn submit(&self, command: H::Command) -> Result<Answer<H::Reply>, CommandError> {
        self.commands.submit(command)
    }

    /// Hands over what was read.
    pub fn hear(&mut self, heard: Heard) {
        let Heard { at: Reading { topic, partition, offset, generation }, read } = heard;
        let content = match read {
            Read::Message { key, envelope, payload } => Content::Message(Body { key, envelope, payload }),
            Read::Lost { low } => Content::Lost { low },
            Read::Extent { low, high } => Content::Extent { low, high },
        };
        self.executor.hear(Record { topic, partition, offset, generation, content });
    }

    /// Executes what is due, in as many transactions as it takes; false when nothing is due.
    pub async fn execute(&mut self) -> bool {
        self.executor.turn().await
    }

    /// How many messages and callers wait to be executed.
    pub fn waiting(&self) -> usize {
        self.executor.waiting()
    }

    /// The lanes that nothing but a person can move again, in words.
    pub fn stopped(&self) -> Vec<String> {
        self.executor.stopped()
    }

    /// What the executor does every second: looks after partitions that could not be begun, parked messages and gaps.
    pub async fn keep_house(&mut self) {
        self.executor.keep_house_to_the_end().await;
    }

    /// The relay looks for what is to be published, and hands it over.
    pub async fn publish(&mut self) {
        self.relay.look().await;
    }

    /// The relay notes how far its lanes are acknowledged.
    pub async fn note(&mut self) {
        self.relay.note().await;
    }

    /// Whether a delivery has failed.
    pub fn has_failed(&self) -> bool {
        self.relay.has_failed()
    }

    /// After a failed delivery: the relay goes on behind what is acknowledged.
    pub async fn recover(&mut self) {
        self.relay.go_on_behind_acknowledged().await;
    }

    /// What the broker is asked, in order.
    pub fn asked(&mut self) -> Vec<Ask> {
        let mut asked = Vec::new();
        for order in self.orders.try_iter() {
            match order {
                Order::Assign(assignments) => asked.extend(assignments.into_iter().map(|assignment| {
                    Ask::Read(Reading {
                        topic: assignment.topic,
                        partition: assignment.partition,
                        offset: assignment.offset,
                        generation: assignment.generation,
                    })
                })),
                Order::Unassign(places) => asked.extend(places.into_iter().map(|(t, p)| Ask::Leave(t, p))),
                Order::Measure(places) => asked.extend(places.into_iter().map(|(t, p)| Ask::Measure(t, p))),
                // A note for tools that look at the consumer group.
                Order::Note(_) => {}
            }
        }
        asked
    }

    /// What the replica has given to its broker since this was last called, in order.
    pub fn handed_over(&mut self) -> Vec<HandedOver> {
        std::iter::from_fn(|| self.handed_over.try_recv().ok()).collect()
    }
}
