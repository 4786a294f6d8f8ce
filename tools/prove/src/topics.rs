//! The published messages, read from the topics and handed on once each and in order.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bowline_contracts::topics::Topic;
use bowline_messaging::KafkaOptions;
use bowline_messaging::tail::{From, Message, Tail};

use crate::lanes::{Heads, Lane};
use crate::{Error, Invariant};

/// How long the topics may be silent while something that the sources have committed has not come.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// What becomes of the messages.
pub(crate) trait Fold {
    /// The next message of its lane; the error says what cannot be read.
    fn fold(&mut self, message: &Message) -> Result<(), String>;
}

/// What the topics say.
pub(crate) struct Published<F> {
    pub(crate) told: F,
    /// Of every lane: its messages lie on the topic without a gap, up to the head, and can be read.
    pub(crate) topics: Invariant,
}

/// One lane while it is read.
struct Reading {
    source: &'static str,
    /// The last sequence that its source has committed.
    head: i64,
    /// The last sequence folded.
    folded: i64,
    /// Messages beyond a gap that a republication may fill.
    early: BTreeMap<i64, Message>,
    fault: Option<String>,
}

/// Folds `topics` from their beginning to the heads that the sources have committed. Of a message that lies there more
/// than once the first counts.
pub(crate) async fn fold_topics<F: Fold>(
    kafka: &KafkaOptions,
    topics: &[&'static Topic],
    heads: &Heads,
    told: F,
) -> Result<Published<F>, Error> {
    let mut lanes = Readings::new(topics, heads, told);
    let mut tail = Tail::open(kafka, topics, From::Beginning).await?;
    while lanes.open > 0 {
        let Ok(Some(messages)) = tokio::time::timeout(SILENCE_MAX, tail.next()).await else { break };
        for message in messages {
            lanes.take(message);
        }
    }
    Ok(lanes.published())
}

/// As [`fold_topics`], of messages that are read already; those of other topics are passed over.
pub(crate) fn fold_messages<F: Fold>(
    messages: Vec<Message>,
    topics: &[&'static Topic],
    heads: &Heads,
    told: F,
) -> Published<F> {
    let mut lanes = Readings::new(topics, heads, told);
    for message in messages.into_iter().filter(|message| topics.contains(&message.topic)) {
        lanes.take(message);
    }
    lanes.published()
}

/// Every lane while it is read.
struct Readings<F> {
    lanes: HashMap<(&'static str, u16), Reading>,
    told: F,
    /// How many lanes have not come to their heads.
    open: usize,
}

impl<F: Fold> Readings<F> {
    fn new(topics: &[&'static Topic], heads: &Heads, told: F) -> Self {
        let mut lanes: HashMap<(&'static str, u16), Reading> = HashMap::new();
        for topic in topics {
            let [source] = topic.sources else { unreachable!("every topic of today has one source") };
            for partition in 0..topic.partitions {
                let name = Lane {
                    source: (*source).to_owned(),
                    topic: topic.name.to_owned(),
                    partition: partition.cast_signed(),
                };
                let head = heads.last(&name).unwrap_or_default();
                lanes.insert((topic.name, partition), Reading::new(source, head));
            }
        }
        let open = lanes.values().filter(|lane| lane.folded < lane.head).count();
        Self { lanes, told, open }
    }

    fn take(&mut self, message: Message) {
        let place = (message.topic.name, message.partition);
        let lane = self.lanes.get_mut(&place).expect("all partitions were added");
        let was_open = lane.folded < lane.head;
        lane.take(message, &mut self.told);
        self.open -= usize::from(was_open && lane.folded >= lane.head);
    }

    fn published(self) -> Published<F> {
        let mut invariant = Invariant::new("the topics hold every committed message, without a gap");
        let mut lanes: Vec<_> = self.lanes.into_iter().collect();
        lanes.sort_unstable_by_key(|(name, _)| *name);
        for ((topic, partition), lane) in lanes {
            invariant.check(lane.fault().map(|fault| format!("{topic}, partition {partition}: {fault}")));
        }
        Published { told: self.told, topics: invariant }
    }
}

impl Reading {
    fn new(source: &'static str, head: i64) -> Self {
        Self { source, head, folded: 0, early: BTreeMap::new(), fault: None }
    }

    fn take(&mut self, message: Message, told: &mut impl Fold) {
        let sequence = message.envelope.sequence;
        if message.envelope.source != self.source {
            let source = &message.envelope.source;
            self.fault.get_or_insert_with(|| format!("a message of {source} lies here"));
        } else if sequence == self.folded + 1 {
            self.fold(&message, told);
            while let Some(next) = self.early.remove(&(self.folded + 1)) {
                self.fold(&next, told);
            }
        } else if sequence > self.folded {
            self.early.insert(sequence, message);
        }
    }

    fn fold(&mut self, message: &Message, told: &mut impl Fold) {
        self.folded = message.envelope.sequence;
        if let Err(reason) = told.fold(message) {
            self.fault.get_or_insert_with(|| format!("message {}: {reason}", message.envelope.sequence));
        }
    }

    fn fault(self) -> Option<String> {
        self.fault.or_else(|| {
            (self.folded != self.head).then(|| {
                format!("readable without a gap up to {}, committed up to {}", self.folded, self.head)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use bowline_contracts::convert;
    use bowline_contracts::envelope::Envelope;
    use bowline_contracts::events::Published as _;
    use bowline_contracts::orders::v1::OrderCancelled;
    use bowline_contracts::topics::ORDERS_EVENTS;
    use chrono::{DateTime, Utc};
    use uuid::Uuid;

    use super::*;

    fn message(sequence: i64) -> Message {
        let cancelled = OrderCancelled {
            order_id: Uuid::nil().to_string(),
            reason: 1,
            cancelled_time: Some(convert::timestamp(DateTime::<Utc>::UNIX_EPOCH)),
        };
        let envelope = Envelope {
            id: Uuid::from_u128(u128::from(sequence.unsigned_abs())),
            source: "orders".to_owned(),
            message_type: OrderCancelled::TYPE.to_owned(),
            time: DateTime::UNIX_EPOCH,
            sequence,
            incarnation: Uuid::nil(),
            causation: None,
            traceparent: None,
        };
        let payload = prost::Message::encode_to_vec(&cancelled).into();
        Message {
            input: (),
            topic: &ORDERS_EVENTS,
            partition: 0,
            offset: 0,
            key: Uuid::nil(),
            envelope,
            payload,
        }
    }

    struct Count(u64);

    impl Fold for Count {
        fn fold(&mut self, _: &Message) -> Result<(), String> {
            self.0 += 1;
            Ok(())
        }
    }

    fn read(head: i64, sequences: &[i64]) -> (Option<String>, u64) {
        let (mut lane, mut told) = (Reading::new("orders", head), Count(0));
        for sequence in sequences {
            lane.take(message(*sequence), &mut told);
        }
        (lane.fault(), told.0)
    }

    #[test]
    fn repetitions_count_once_and_a_gap_may_be_filled_later() {
        assert_eq!(read(3, &[1, 2, 1, 2, 3]), (None, 3));
        assert_eq!(read(3, &[1, 3, 2]), (None, 3));
    }

    #[test]
    fn a_gap_a_lost_end_and_too_much_are_faults() {
        for sequences in [&[1, 3][..], &[1, 2], &[1, 2, 3, 4]] {
            assert!(read(3, sequences).0.is_some(), "{sequences:?}");
        }
    }
}
