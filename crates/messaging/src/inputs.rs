//! Whether what lies on the topics that this replica hears is applied.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bowline_contracts::topics::Topic;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use crate::KafkaOptions;
use crate::consumer::Handle;

/// How soon Kafka is asked again when it has not told every end.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// For each partition of an input topic that is followed, the offset in front of which nothing is left to apply.
pub(crate) type Progress = HashMap<(&'static str, u16), i64>;

/// Compares what lies on the input topics with what this replica has applied.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Asks Kafka for the ends of partitions; gone with the executor.
    pub(crate) reader: Handle,
    pub(crate) options: KafkaOptions,
    pub(crate) progress: watch::Receiver<Progress>,
}

impl Inputs {
    /// Those of `partitions` in which everything that lay on `topic` when this was asked is applied and committed, or
    /// needed nothing done. Waits for that up to `patience`.
    ///
    /// A partition is left out when it lags, when a gap or a message that cannot be applied holds it, when this
    /// replica does not follow it, and when Kafka does not say where it ends. Progress is noted every second: with less
    /// patience than two seconds even a partition that does not lag may be left out.
    pub async fn caught_up(
        &self,
        topic: &'static Topic,
        partitions: &BTreeSet<u16>,
        patience: Duration,
    ) -> BTreeSet<u16> {
        let until = Instant::now() + patience;
        let ends = self.ends_until(until, topic, partitions).await;
        let reached = |progress: &Progress, (partition, end): &(u16, i64)| {
            progress.get(&(topic.name, *partition)).is_some_and(|offset| offset >= end)
        };
        let mut progress = self.progress.clone();
        // Whether all, some or none have got there in time is seen below.
        let _ = timeout_at(until, progress.wait_for(|now| ends.iter().all(|end| reached(now, end)))).await;
        let now = progress.borrow();
        ends.iter().filter(|end| reached(&now, end)).map(|(partition, _)| *partition).collect()
    }

    /// Where the partitions end, as far as Kafka says it in time: a client that has just learned of a topic does not know
    /// yet whom to ask.
    async fn ends_until(
        &self,
        until: Instant,
        topic: &'static Topic,
        partitions: &BTreeSet<u16>,
    ) -> Vec<(u16, i64)> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let answer = self.ends(topic, partitions, left).await;
            if let Err(error) = &answer {
                tracing::debug!(topic = topic.name, %error, "ends of the topic are not known");
            }
            let ends = answer.unwrap_or_default();
            if ends.len() == partitions.len() || Instant::now() + ASK_AGAIN >= until {
                return ends;
            }
            sleep(ASK_AGAIN).await;
        }
    }

    /// For how long Kafka has given this replica no answer; `None` while it answers, and when nobody has asked.
    pub fn kafka_silence(&self) -> Option<Duration> {
        self.reader.get()?.context().silence()
    }

    /// Draws the conclusion from what was asked.
    pub(crate) fn note_whether_kafka_answers<T>(&self, answer: &Result<T, KafkaError>) {
        let Some(reader) = self.reader.get() else { return };
        match answer {
            Ok(_) => reader.context().answered(),
            Err(error) if is_silence(error) => reader.context().silent(&error.to_string()),
            Err(_) => {}
        }
    }

    /// Where the partitions end at this moment; those of which Kafka does not say it are left out.
    pub(crate) async fn ends(
        &self,
        topic: &'static Topic,
        partitions: &BTreeSet<u16>,
        patience: Duration,
    ) -> Result<Vec<(u16, i64)>, KafkaError> {
        let mut asked = TopicPartitionList::new();
        for partition in partitions {
            let name = self.options.topic_name(topic);
            asked.add_partition_offset(&name, i32::from(*partition), Offset::End)?;
        }
        let Some(reader) = self.reader.get() else { return Ok(Vec::new()) };
        let answer = tokio::task::spawn_blocking(move || reader.offsets_for_times(asked, patience)).await;
        let Ok(answer) = answer else { return Ok(Vec::new()) };
        let answer = answer?;
        let ends = answer.elements().into_iter().filter_map(|element| {
            let partition = u16::try_from(element.partition()).ok()?;
            match (element.error(), element.offset()) {
                (Ok(()), Offset::Offset(end)) => Some((partition, end)),
                _ => None,
            }
        });
        Ok(ends.collect())
    }
}

/// Whether this says that no broker has answered, and not what one has.
fn is_silence(error: &KafkaError) -> bool {
    let silent = [
        RDKafkaErrorCode::AllBrokersDown,
        RDKafkaErrorCode::BrokerTransportFailure,
        RDKafkaErrorCode::OperationTimedOut,
        RDKafkaErrorCode::RequestTimedOut,
    ];
    error.rdkafka_error_code().is_some_and(|code| silent.contains(&code))
}
