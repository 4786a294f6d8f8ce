//! Tells of gaps that were healed: a log line, a count, a row.

use std::time::Duration;

use bowline_contracts::topics::Topic;
use bowline_database::Database;
use bowline_kernel::error_text;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Healed;
use crate::Error;

/// How long stopping waits for the last rows.
const FINISH_WITHIN: Duration = Duration::from_secs(1);

/// A gap whose messages have been applied.
#[derive(Debug, Clone)]
pub(crate) struct HealedGap {
    pub(crate) topic: &'static Topic,
    pub(crate) partition: u16,
    pub(crate) source: String,
    /// The first sequence that the source has brought.
    pub(crate) first: i64,
    /// The last sequence that it has brought.
    pub(crate) last: i64,
    /// When the gap was noticed.
    pub(crate) found_at: Instant,
    /// When its last message was known to be applied.
    pub(crate) healed_at: Instant,
}

pub(super) struct Report {
    consumer: &'static str,
    database: Database,
    healed: watch::Sender<Healed>,
    /// Not written yet.
    waiting: Vec<HealedGap>,
    /// One at a time; gives back what could not be written.
    writing: JoinSet<Vec<HealedGap>>,
}

impl Report {
    pub(super) fn new(consumer: &'static str, database: Database) -> (Self, watch::Receiver<Healed>) {
        let (sender, healed) = watch::channel(Healed::default());
        (Self { consumer, database, healed: sender, waiting: Vec::new(), writing: JoinSet::new() }, healed)
    }

    /// Counts these gaps and begins to write what waits.
    pub(super) fn add(&mut self, gaps: Vec<HealedGap>) {
        for gap in &gaps {
            let messages = gap.last - gap.first + 1;
            tracing::info!(
                topic = gap.topic.name,
                partition = gap.partition,
                source = gap.source,
                first_sequence = gap.first,
                last_sequence = gap.last,
                messages,
                took_ms = gap.healed_at.duration_since(gap.found_at).as_millis(),
                "gap healed"
            );
            self.healed.send_modify(|healed| {
                healed.gaps += 1;
                healed.messages += messages.unsigned_abs();
            });
        }
        self.waiting.extend(gaps);
        while let Some(written) = self.writing.try_join_next() {
            self.waiting.extend(written.unwrap_or_default());
        }
        if self.waiting.is_empty() || !self.writing.is_empty() {
            return;
        }
        let (consumer, database) = (self.consumer, self.database.clone());
        let gaps = std::mem::take(&mut self.waiting);
        self.writing.spawn(async move {
            match write(&database, consumer, &gaps).await {
                Ok(()) => Vec::new(),
                Err(error) => {
                    tracing::debug!(error = error_text(&error), "healed gaps are not written down yet");
                    gaps
                }
            }
        });
    }

    /// Writes what waits, once, if the database is quick about it.
    pub(super) async fn finish(&mut self) {
        let last_chance = async {
            while let Some(written) = self.writing.join_next().await {
                self.waiting.extend(written.unwrap_or_default());
            }
            if !self.waiting.is_empty() {
                write(&self.database, self.consumer, &self.waiting).await?;
            }
            Ok::<_, Error>(())
        };
        if !matches!(tokio::time::timeout(FINISH_WITHIN, last_chance).await, Ok(Ok(()))) {
            tracing::warn!("the last healed gaps were not written down");
        }
    }
}

async fn write(database: &Database, consumer: &str, gaps: &[HealedGap]) -> Result<(), Error> {
    let topics: Vec<String> = gaps.iter().map(|gap| gap.topic.name.to_owned()).collect();
    let sources: Vec<String> = gaps.iter().map(|gap| gap.source.clone()).collect();
    let partitions: Vec<i16> = gaps.iter().map(|gap| gap.partition.cast_signed()).collect();
    let firsts: Vec<i64> = gaps.iter().map(|gap| gap.first).collect();
    let lasts: Vec<i64> = gaps.iter().map(|gap| gap.last).collect();
    let (found, healed): (Vec<i64>, Vec<i64>) =
        gaps.iter().map(|gap| (milliseconds_since(gap.found_at), milliseconds_since(gap.healed_at))).unzip();
    // Ages instead of times: the clock of the database is the only one that all rows share.
    sqlx::query!(
        "INSERT INTO messaging.healed_gaps
                (consumer, topic, source, partition, first_sequence, last_sequence, found_at, healed_at)
         SELECT $1, v.topic, v.source, v.partition, v.first, v.last,
                now() - v.found * interval '1 millisecond', now() - v.healed * interval '1 millisecond'
           FROM unnest($2::text[], $3::text[], $4::int2[], $5::int8[], $6::int8[], $7::int8[], $8::int8[])
                v(topic, source, partition, first, last, found, healed)",
        consumer,
        &topics,
        &sources,
        &partitions,
        &firsts,
        &lasts,
        &found,
        &healed,
    )
    .execute(&mut *database.acquire().await?)
    .await?;
    Ok(())
}

fn milliseconds_since(moment: Instant) -> i64 {
    i64::try_from(moment.elapsed().as_millis()).unwrap_or(i64::MAX)
}
