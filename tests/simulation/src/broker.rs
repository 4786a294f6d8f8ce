//! A broker in memory: a log for every partition of every topic.

use std::collections::BTreeMap;

use bowline_contracts::envelope::Envelope;
use bowline_contracts::topics::{self, Topic};
use bowline_messaging::tail::Message;
use bowline_messaging::{HandedOver, Read};
use bytes::Bytes;
use uuid::Uuid;

/// A partition of a topic.
pub(crate) type Place = (&'static str, u16);

/// The logs, and everything that ever lay on them.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    logs: BTreeMap<Place, Log>,
    archive: Vec<Message>,
    /// Of every lane, how many messages were written: their sequences, for consumers that take a topic as it lies there.
    naive: Option<BTreeMap<(Place, String), i64>>,
}

#[derive(Debug, Default)]
struct Log {
    low: i64,
    records: Vec<Record>,
}

#[derive(Debug, Clone)]
struct Record {
    key: Option<Uuid>,
    envelope: Envelope,
    payload: Bytes,
}

impl Broker {
    /// A broker without a topic. A naive one numbers messages as they come, whatever their sources have numbered.
    pub(crate) fn new(naive: bool) -> Self {
        Self { naive: naive.then(BTreeMap::new), ..Self::default() }
    }

    /// Writes a message behind the others; returns its offset.
    pub(crate) fn append(&mut self, message: &HandedOver) -> i64 {
        let topic = topic(&message.topic);
        let log = self.logs.entry((topic.name, message.partition)).or_default();
        let HandedOver { partition, key, ref envelope, ref payload, .. } = *message;
        let mut written = envelope.clone();
        if let (Some(counts), Some(_)) = (&mut self.naive, key) {
            let count = counts.entry(((topic.name, partition), envelope.source.clone())).or_default();
            *count += 1;
            written.sequence = *count;
        }
        log.records.push(Record { key, envelope: written, payload: payload.clone() });
        let offset = log.high() - 1;
        if let Some(key) = key {
            let (envelope, payload) = (envelope.clone(), payload.clone());
            self.archive.push(Message { input: (), topic, partition, offset, key, envelope, payload });
        }
        offset
    }

    /// What a partition holds: its first offset, and the one behind its last.
    pub(crate) fn extent(&self, place: Place) -> (i64, i64) {
        self.logs.get(&place).map_or((0, 0), |log| (log.low, log.high()))
    }

    /// What a reader at `offset` finds: `None` at the end, and where to begin when the offset is gone.
    pub(crate) fn read(&self, place: Place, offset: i64) -> Option<(i64, Read)> {
        let (low, high) = self.extent(place);
        // Offset 0 stands for the beginning, wherever it is.
        let offset = if offset == 0 { low } else { offset };
        if offset == high {
            return None;
        }
        if offset < low || offset > high {
            return Some((offset, Read::Lost { low }));
        }
        let index = usize::try_from(offset - low).expect("it is not below low");
        let Record { key, envelope, payload } = self.logs[&place].records[index].clone();
        Some((offset, Read::Message { key: key.unwrap_or_default(), envelope, payload }))
    }

    /// The partitions that hold something.
    pub(crate) fn places(&self) -> Vec<Place> {
        self.logs.iter().filter(|(_, log)| !log.records.is_empty()).map(|(place, _)| *place).collect()
    }

    /// Forgets the last messages of a partition, as a broker does that was not in step when it became the leader.
    pub(crate) fn lose_last(&mut self, place: Place, count: usize) -> usize {
        let Some(log) = self.logs.get_mut(&place) else { return 0 };
        let count = count.min(log.records.len());
        log.records.truncate(log.records.len() - count);
        count
    }

    /// Forgets the first messages of a partition, as an operator does who deletes records.
    pub(crate) fn lose_first(&mut self, place: Place, count: usize) -> usize {
        let Some(log) = self.logs.get_mut(&place) else { return 0 };
        let count = count.min(log.records.len());
        log.records.drain(..count);
        log.low += i64::try_from(count).expect("few");
        count
    }

    /// Every message that was ever written, in the order in which that was done.
    pub(crate) fn archive(&self) -> Vec<Message> {
        self.archive.clone()
    }
}

impl Log {
    fn high(&self) -> i64 {
        self.low + i64::try_from(self.records.len()).expect("a run has few messages")
    }
}

fn topic(name: &str) -> &'static Topic {
    topics::ALL.into_iter().find(|topic| topic.name == name).expect("the services send on known topics")
}
