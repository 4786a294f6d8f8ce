//! The idempotent producer, and how far each lane has been acknowledged.

mod sending;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use bowline_contracts::envelope::Envelope;
use rdkafka::ClientContext;
use rdkafka::config::{FromClientConfigAndContext as _, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _, ProducerContext, ThreadedProducer};
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use uuid::Uuid;

use self::sending::Sending;
use crate::diagnostics::Diagnostics;
use crate::stepper::HandedOver;
use crate::{Error, KafkaOptions};

/// Where messages go.
#[derive(Debug, Clone)]
pub(crate) enum Broker {
    /// To Kafka.
    Kafka(KafkaOptions),
    /// To whoever plays Kafka.
    ByHand(UnboundedSender<HandedOver>),
}

/// Sends messages of lanes; every generation counts anew from what was acknowledged before.
pub(crate) struct Producer {
    way: Way,
    progress: Arc<Progress>,
    sending: Arc<Sending>,
}

enum Way {
    Kafka(ThreadedProducer<Deliveries>),
    ByHand(UnboundedSender<HandedOver>),
}

/// What the broker has acknowledged.
#[derive(Debug)]
pub(crate) struct Progress {
    /// By index of lane: the last sequence acknowledged without a hole.
    acknowledged: Vec<AtomicI64>,
    failed: AtomicBool,
    /// Woken when something failed.
    pub(crate) failure: Notify,
}

/// A message on its way to the broker.
pub(crate) struct Publication<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: u16,
    pub(crate) lane_index: usize,
    /// `None` for the announcement of a head.
    pub(crate) key: Option<Uuid>,
    pub(crate) envelope: &'a Envelope,
    pub(crate) payload: &'a [u8],
}

/// Whether the producer took a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    /// Its queue is full: come again.
    QueueFull,
}

impl Producer {
    /// A producer that continues from `acknowledged`, by index of lane.
    pub(crate) fn start(broker: &Broker, acknowledged: &[i64]) -> Result<Self, Error> {
        let progress = Arc::new(Progress {
            acknowledged: acknowledged.iter().map(|sequence| AtomicI64::new(*sequence)).collect(),
            failed: AtomicBool::new(false),
            failure: Notify::new(),
        });
        let sending = Arc::new(Sending::default());
        let way = match broker {
            Broker::Kafka(options) => {
                let context = Deliveries {
                    progress: Arc::clone(&progress),
                    sending: Arc::clone(&sending),
                    diagnostics: Diagnostics::of("producer"),
                };
                Way::Kafka(ThreadedProducer::from_config_and_context(&options.producer(), context)?)
            }
            Broker::ByHand(taken) => Way::ByHand(taken.clone()),
        };
        Ok(Self { way, progress, sending })
    }

    pub(crate) fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    pub(crate) fn send(&self, publication: &Publication<'_>) -> Result<Taken, Error> {
        let producer = match &self.way {
            Way::Kafka(producer) => producer,
            Way::ByHand(taken) => {
                // Who plays Kafka and went away acknowledges nothing, as a Kafka that is away.
                let _ = taken.send(HandedOver::new(publication, Arc::clone(&self.progress)));
                return Ok(Taken::Yes);
            }
        };
        let sequence = if publication.key.is_some() { publication.envelope.sequence } else { 0 };
        let opaque = pack(publication.lane_index, sequence);
        let traceparent = self.sending.begin(opaque, publication);
        let headers = headers(publication.envelope, traceparent.as_deref());
        let mut buffer = Uuid::encode_buffer();
        let key = publication.key.map(|key| key.hyphenated().encode_lower(&mut buffer));
        let mut record: BaseRecord<'_, str, [u8], usize> =
            BaseRecord::with_opaque_to(publication.topic, opaque)
                .partition(i32::from(publication.partition))
                .payload(publication.payload)
                .headers(headers);
        record.key = key.map(|key| &*key);
        match producer.send(record) {
            Ok(()) => Ok(Taken::Yes),
            Err((error, _)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                self.sending.end(opaque, Some("the producer's queue is full"));
                Ok(Taken::QueueFull)
            }
            Err((error, _)) => {
                self.sending.end(opaque, Some("the producer refused it"));
                // A producer that refuses a message may refuse for good: the next one goes on.
                self.progress.fail();
                Err(error.into())
            }
        }
    }

    /// Waits until everything taken is acknowledged or has failed. Blocks.
    pub(crate) fn flush(&self, timeout: std::time::Duration) -> Result<(), KafkaError> {
        match &self.way {
            Way::Kafka(producer) => producer.flush(timeout),
            Way::ByHand(_) => Ok(()),
        }
    }
}

impl Progress {
    pub(crate) fn acknowledged(&self, lane_index: usize) -> i64 {
        self.acknowledged[lane_index].load(Ordering::Acquire)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Another process has published a lane this far. What this one has sent beyond is not acknowledged by that.
    pub(crate) fn raise(&self, lane_index: usize, acknowledged: i64) {
        self.acknowledged[lane_index].fetch_max(acknowledged, Ordering::AcqRel);
    }

    /// True for the first failure: the others follow from it.
    pub(crate) fn fail(&self) -> bool {
        let first = !self.failed.swap(true, Ordering::AcqRel);
        self.failure.notify_one();
        first
    }

    /// Counts a message in when it is the next one; one that was counted before is published again.
    pub(crate) fn acknowledge(&self, lane_index: usize, sequence: i64) {
        let lane = &self.acknowledged[lane_index];
        let counted = lane.compare_exchange(sequence - 1, sequence, Ordering::AcqRel, Ordering::Acquire);
        if counted.is_err_and(|acknowledged| acknowledged < sequence) {
            // Something before it failed; its own report says so too.
            self.fail();
        }
    }
}

/// An envelope in headers, with the trace context of its publication if that has one of its own.
fn headers(envelope: &Envelope, traceparent: Option<&str>) -> OwnedHeaders {
    let mut headers = OwnedHeaders::new_with_capacity(10);
    envelope.encode(|name, value| {
        let value = traceparent.filter(|_| name == "traceparent").unwrap_or(value);
        let previous = std::mem::replace(&mut headers, OwnedHeaders::new_with_capacity(0));
        headers = previous.insert(Header { key: name, value: Some(value) });
    });
    headers
}

/// Called by librdkafka for every message, in order within a partition.
struct Deliveries {
    progress: Arc<Progress>,
    sending: Arc<Sending>,
    diagnostics: Diagnostics,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.diagnostics.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.diagnostics.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: usize) {
        let (lane_index, sequence) = unpack(opaque);
        self.sending.end(opaque, result.is_err().then_some("it was not acknowledged"));
        match result {
            Err((error, _)) => {
                if self.progress.fail() {
                    tracing::warn!(%error, lane_index, sequence, "message was not acknowledged, publishing again from there");
                }
            }
            Ok(_) if sequence == 0 => {}
            Ok(_) => self.progress.acknowledge(lane_index, sequence),
        }
    }
}

const SEQUENCE_BITS: u32 = 48;

/// A lane's index and a sequence in one machine word. 2^48 messages a lane last for centuries.
fn pack(lane_index: usize, sequence: i64) -> usize {
    let sequence = usize::try_from(sequence).expect("sequences begin at 1");
    (lane_index << SEQUENCE_BITS) | sequence
}

fn unpack(opaque: usize) -> (usize, i64) {
    let sequence = opaque & ((1 << SEQUENCE_BITS) - 1);
    (opaque >> SEQUENCE_BITS, i64::try_from(sequence).expect("48 bits fit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(acknowledged: i64) -> Progress {
        let acknowledged = vec![AtomicI64::new(acknowledged)];
        Progress { acknowledged, failed: AtomicBool::new(false), failure: Notify::new() }
    }

    #[test]
    fn messages_are_counted_in_without_a_hole() {
        let progress = progress(4);
        for sequence in [5, 6, 5, 6, 7] {
            progress.acknowledge(0, sequence);
        }
        assert_eq!((progress.acknowledged(0), progress.has_failed()), (7, false));
        progress.acknowledge(0, 9);
        assert_eq!((progress.acknowledged(0), progress.has_failed()), (7, true), "8 has failed");
    }

    #[test]
    fn what_another_process_has_published_is_never_taken_back() {
        let progress = progress(4);
        progress.raise(0, 10);
        progress.acknowledge(0, 5);
        progress.raise(0, 8);
        assert_eq!((progress.acknowledged(0), progress.has_failed()), (10, false));
    }

    #[test]
    fn what_was_packed_is_unpacked() {
        for (lane, sequence) in [(0, 0), (0, 1), (47, 1 << 40), (65_535, (1 << 48) - 1)] {
            assert_eq!(unpack(pack(lane, sequence)), (lane, sequence));
        }
    }
}
