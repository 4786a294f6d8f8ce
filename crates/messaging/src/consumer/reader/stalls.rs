//! Finds out that reading has come to a stand although there is something to read, and sets it going again.
//!
//! After its brokers were away librdkafka does not always go on: a partition may not be fetched any more until it is
//! assigned anew, or never by this client (<https://github.com/confluentinc/librdkafka/issues/5153>,
//! <https://github.com/fede1024/rust-rdkafka/issues/597>). It says nothing of it, so the partitions are compared with what
//! was read of them: whoever has something to read and has not moved from one look to the next, though everything that the
//! client had was taken, is assigned again where it was. If that does not help, and when the brokers give no answer for
//! long, another client takes over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;

use super::{Assignment, Extents, Order, Place, Reader};
use crate::diagnostics::Diagnostics;

/// How often is looked; a partition that stands is found with the second look.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long the brokers may give no answer before another client asks them.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// What was seen at the last look.
#[derive(Debug)]
pub(super) struct Watch {
    looked_at: Instant,
    answered_at: Instant,
    /// Since then everything that the client had was taken.
    pub(super) drained: bool,
    /// Where reading was of the partitions that had more.
    behind: HashMap<(&'static str, u16), i64>,
    /// Some stood at the last look and were assigned again.
    assigned_again: bool,
}

impl Watch {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            looked_at: now,
            answered_at: now,
            drained: false,
            behind: HashMap::new(),
            assigned_again: false,
        }
    }

    /// The partitions that stand: behind at the last look, and still there.
    fn standing(
        &mut self,
        places: &HashMap<(&'static str, u16), Place>,
        extents: &Extents,
    ) -> Vec<(&'static str, u16)> {
        let has_more =
            |name: &(&'static str, u16), next: i64| extents.get(name).is_some_and(|(_, high)| *high > next);
        let behind: HashMap<_, _> = places
            .iter()
            .map(|(name, place)| (*name, place.next_offset))
            .filter(|(name, next)| has_more(name, *next))
            .collect();
        let before = std::mem::replace(&mut self.behind, behind);
        if !std::mem::take(&mut self.drained) {
            return Vec::new();
        }
        self.behind
            .iter()
            .filter(|(name, next)| before.get(*name) == Some(next))
            .map(|(name, _)| *name)
            .collect()
    }
}

impl Reader {
    pub(super) fn look_for_stalls(&mut self) {
        let now = Instant::now();
        // Who has lost its position is being dealt with.
        if now < self.watch.looked_at + LOOK_EVERY || self.places.is_empty() || self.doubt_at.is_some() {
            return;
        }
        let extents = self.extents(|_| true);
        self.watch.looked_at = Instant::now();
        match extents {
            Ok(extents) => {
                self.watch.answered_at = self.watch.looked_at;
                self.set_going(&extents);
            }
            Err(error) => {
                tracing::debug!(%error, "it is not known whether reading goes on");
                if self.watch.answered_at.elapsed() > SILENCE_MAX {
                    self.begin_anew();
                }
            }
        }
    }

    fn set_going(&mut self, extents: &Extents) {
        let standing = self.watch.standing(&self.places, extents);
        if standing.is_empty() {
            self.watch.assigned_again = false;
        } else if std::mem::replace(&mut self.watch.assigned_again, true) {
            tracing::warn!(partitions = standing.len(), "reading still stands, another client takes over");
            self.begin_anew();
        } else {
            tracing::warn!(
                partitions = standing.len(),
                "reading stands although there is more, it begins again"
            );
            let standing = self.places.iter().filter(|(name, _)| standing.contains(name));
            let again: Vec<Assignment> =
                standing.map(|((_, partition), place)| place.assignment(*partition)).collect();
            self.obey(Order::Assign(again));
        }
    }

    /// Has another client read on where this one was.
    fn begin_anew(&mut self) {
        let context = Diagnostics::following(self.consumer.context());
        let consumer = match (self.make)(context) {
            Ok(consumer) => Arc::new(consumer),
            Err(error) => {
                tracing::error!(%error, "another client cannot take over");
                return;
            }
        };
        self.handle.replace(&consumer);
        let before = std::mem::replace(&mut self.consumer, consumer);
        self.watch = Watch::new();
        let again: Vec<Assignment> =
            self.places.drain().map(|((_, partition), place)| place.assignment(partition)).collect();
        self.obey(Order::Assign(again));
        // Its threads may take their time to end, or never do.
        let ending = std::thread::Builder::new().name("consumer ending".into()).spawn(move || drop(before));
        if let Err(error) = ending {
            tracing::error!(%error, "the client that was replaced ended in the way of the other");
        }
    }
}

#[cfg(test)]
mod tests {
    use bowline_contracts::topics::ORDERS_EVENTS;
    use bowline_test_support::{namespace, stack};
    use rdkafka::TopicPartitionList;
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
    use tokio::sync::mpsc::Receiver;
    use tokio::time::timeout;

    use super::*;
    use crate::consumer::{Consumer, Record};
    use crate::{KafkaOptions, topics};

    const PATIENCE: Duration = Duration::from_mins(1);
    const ONE: (&str, u16) = ("orders.events.v1", 1);
    const TWO: (&str, u16) = ("orders.events.v1", 2);

    /// What stands at a look at which partitions 1 and 2 are to be read from these offsets, and end at 10.
    fn look(watch: &mut Watch, one: i64, two: i64) -> Vec<(&'static str, u16)> {
        let place = |next_offset| Place { topic: &ORDERS_EVENTS, generation: 1, next_offset };
        let places = HashMap::from([(ONE, place(one)), (TWO, place(two))]);
        watch.standing(&places, &HashMap::from([(ONE, (0, 10)), (TWO, (0, 10))]))
    }

    #[test]
    fn who_has_more_and_does_not_move_stands() {
        let mut watch = Watch { drained: true, ..Watch::new() };
        assert_eq!(look(&mut watch, 4, 10), [], "it may just have come");
        watch.drained = true;
        assert_eq!(look(&mut watch, 4, 10), [ONE]);
        watch.drained = true;
        assert_eq!(look(&mut watch, 5, 4), [], "it has moved, and the other has only now fallen behind");
        watch.drained = true;
        assert_eq!(look(&mut watch, 10, 4), [TWO]);
    }

    #[test]
    fn what_waits_to_be_taken_does_not_stand() {
        let mut watch = Watch::new();
        look(&mut watch, 4, 10);
        assert_eq!(look(&mut watch, 4, 10), [], "the executor was busy");
    }

    async fn reads(records: &mut Receiver<Vec<Record>>, offset: i64) {
        let read =
            timeout(PATIENCE, records.recv()).await.expect("reading goes on").expect("the thread lives");
        assert_eq!(read.iter().map(|record| record.offset).collect::<Vec<_>>(), [offset]);
    }

    /// A client that was told to pause stands as one that was forgotten by its library: nothing comes, and nothing is said.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_partition_that_the_client_has_ceased_to_fetch_is_read_on_without_a_word_from_anybody() {
        let kafka = KafkaOptions::new(vec![stack().await.kafka_brokers.clone()], namespace());
        topics::create(&kafka, &[&ORDERS_EVENTS]).await.unwrap();
        let producer: BaseProducer = kafka.client().create().unwrap();
        let name = kafka.topic_name(&ORDERS_EVENTS);
        let say = || {
            producer.send(BaseRecord::<(), str>::to(&name).partition(1).payload("babble")).unwrap();
            producer.flush(PATIENCE).unwrap();
        };
        let (consumer, mut records) =
            Consumer::start(&kafka, &kafka.group("reader"), &[&ORDERS_EVENTS]).unwrap();
        consumer.assign(vec![Assignment { topic: &ORDERS_EVENTS, partition: 1, offset: 0, generation: 1 }]);
        say();
        reads(&mut records, 0).await;

        let mut partition = TopicPartitionList::new();
        partition.add_partition(&name, 1);
        consumer.reader().get().unwrap().pause(&partition).unwrap();
        say();
        reads(&mut records, 1).await;
        say();
        reads(&mut records, 2).await;
    }
}
