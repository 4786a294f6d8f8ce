//! Keys whose messages wait for an operator, and the queue of each.
//!
//! A message that can never be applied is written to its key's queue in the transaction that advances its watermark; every
//! later message of the key, over all topics, goes behind it. The queue is emptied in order, in the executor; the key is
//! free again in the transaction that takes its last message out. The row of the key is locked by all of these, behind the
//! domain's rows and before the heads of the lanes, so two executors never change one queue at a time.

mod rows;

use std::collections::{BTreeMap, HashMap, HashSet};

use bowline_contracts::topics::Topic;
use bowline_fault_points::{Sabotage, is_broken};
use sqlx::PgConnection;
use uuid::Uuid;

use self::rows::{Columns, LetterRow};
use crate::Error;
use crate::inbox::Incoming;

/// A message that goes to its key's queue instead of being applied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parked<'a> {
    pub(crate) message: &'a Incoming,
    /// Why it could not be applied; empty for one that only queues behind another.
    pub(crate) reason: Option<&'a str>,
}

/// A message taken from its key's queue to be tried again.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    /// Its number in the table.
    pub(crate) number: i64,
    pub(crate) edits: i32,
    pub(crate) message: Incoming,
}

/// The queues of one consumer.
#[derive(Debug, Clone)]
pub(crate) struct Parking {
    consumer: &'static str,
    topics: Vec<&'static Topic>,
    /// The most messages that may wait; a lane with one more stops.
    messages_max: usize,
}

/// What waits on the partitions of a replica.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Every key that has a queue.
    pub(crate) keys: HashSet<Uuid>,
    /// Those that an operator wants tried again.
    pub(crate) requested: Vec<Uuid>,
}

impl Parking {
    pub(crate) fn new(consumer: &'static str, topics: &[&'static Topic], messages_max: usize) -> Self {
        Self { consumer, topics: topics.to_vec(), messages_max }
    }

    /// The keys with a queue on `partitions`.
    pub(crate) async fn waiting(
        &self,
        connection: &mut PgConnection,
        partitions: &[u16],
    ) -> Result<Waiting, Error> {
        let partitions: Vec<i16> = partitions.iter().copied().map(u16::cast_signed).collect();
        let rows = sqlx::query!(
            "SELECT key, retry_requested FROM messaging.parked_keys
              WHERE consumer = $1 AND partition = ANY($2::int2[]) ORDER BY parked_at, key",
            self.consumer,
            &partitions,
        )
        .fetch_all(connection)
        .await?;
        let mut waiting = Waiting::default();
        for row in rows {
            waiting.keys.insert(row.key);
            if row.retry_requested {
                waiting.requested.push(row.key);
            }
        }
        Ok(waiting)
    }

    /// Puts messages behind the queues of their keys, in the order given. A key gets its queue with a message that has a
    /// reason; the others must have one already, or nothing may be committed: [`Error::QueueChanged`].
    pub(crate) async fn park(
        &self,
        connection: &mut PgConnection,
        parked: &[Parked<'_>],
    ) -> Result<(), Error> {
        if parked.is_empty() {
            return Ok(());
        }
        self.open_queues(connection, parked).await?;
        self.lock_queues(connection, parked.iter().map(|parked| parked.message.key)).await?;
        let columns = Columns::of(parked);
        let waiting = sqlx::query_scalar!(
            r#"WITH written AS (
                 INSERT INTO messaging.parked_messages
                     (consumer, key, input, topic, source, partition, read_offset, sequence, incarnation, id,
                      message_type, happened_at, causation, traceparent, payload)
                 SELECT $1, v.key, v.input, v.topic, v.source, v.partition, v.read_offset, v.sequence, v.incarnation,
                        v.id, v.message_type, v.happened_at, v.causation, v.traceparent, v.payload
                   FROM unnest($2::uuid[], $3::int4[], $4::text[], $5::text[], $6::int2[], $7::int8[], $8::int8[],
                               $9::uuid[], $10::uuid[], $11::text[], $12::timestamptz[], $13::uuid[], $14::text[],
                               $15::bytea[]) WITH ORDINALITY
                        v(key, input, topic, source, partition, read_offset, sequence, incarnation, id, message_type,
                          happened_at, causation, traceparent, payload, nth)
                  ORDER BY v.nth
                 RETURNING 1)
               SELECT (SELECT count(*) FROM written)
                    + (SELECT count(*) FROM messaging.parked_messages WHERE consumer = $1) AS "waiting!""#,
            self.consumer,
            &columns.keys,
            &columns.inputs,
            &columns.topics as &[&str],
            &columns.sources as &[&str],
            &columns.partitions,
            &columns.offsets,
            &columns.sequences,
            &columns.incarnations,
            &columns.ids,
            &columns.message_types as &[&str],
            &columns.times,
            &columns.causations as &[Option<Uuid>],
            &columns.traceparents as &[Option<&str>],
            &columns.payloads as &[&[u8]],
        )
        .fetch_one(connection)
        .await?;
        if usize::try_from(waiting).is_ok_and(|waiting| waiting > self.messages_max) {
            return Err(Error::TooManyParked { limit: self.messages_max });
        }
        Ok(())
    }

    async fn open_queues(&self, connection: &mut PgConnection, parked: &[Parked<'_>]) -> Result<(), Error> {
        let mut culprits: Vec<(&Incoming, &str)> =
            parked.iter().filter_map(|parked| Some((parked.message, parked.reason?))).collect();
        culprits.sort_unstable_by_key(|(message, _)| message.key);
        culprits.dedup_by_key(|(message, _)| message.key);
        if culprits.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            "INSERT INTO messaging.parked_keys (consumer, key, partition, reason, cause)
             SELECT $1, * FROM unnest($2::uuid[], $3::int2[], $4::text[], $5::text[])
             ON CONFLICT (consumer, key) DO NOTHING",
            self.consumer,
            &culprits.iter().map(|(message, _)| message.key).collect::<Vec<_>>(),
            &culprits.iter().map(|(message, _)| message.partition.cast_signed()).collect::<Vec<_>>(),
            &culprits.iter().map(|(_, reason)| *reason).collect::<Vec<_>>() as &[&str],
            &culprits.iter().map(|(message, reason)| cause_of(message, reason)).collect::<Vec<_>>(),
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Locks the rows of `keys`, in order; all of them must be there.
    async fn lock_queues(
        &self,
        connection: &mut PgConnection,
        keys: impl Iterator<Item = Uuid>,
    ) -> Result<(), Error> {
        let keys: HashSet<Uuid> = keys.collect();
        let wanted: Vec<Uuid> = keys.into_iter().collect();
        let locked = sqlx::query_scalar!(
            "SELECT key FROM messaging.parked_keys
              WHERE consumer = $1 AND key = ANY($2::uuid[]) ORDER BY key FOR UPDATE",
            self.consumer,
            &wanted,
        )
        .fetch_all(connection)
        .await?;
        if locked.len() == wanted.len() { Ok(()) } else { Err(Error::QueueChanged) }
    }

    /// The first messages of the queues of `keys`, `limit` at the most, each queue in its order.
    pub(crate) async fn letters(
        &self,
        connection: &mut PgConnection,
        keys: &[Uuid],
        limit: usize,
    ) -> Result<Vec<Letter>, Error> {
        let rows = sqlx::query_as!(
            LetterRow,
            "SELECT m.letter, m.edits, m.input, m.topic, m.partition, m.read_offset, m.key, m.source, m.sequence,
                    m.incarnation, m.id, m.message_type, m.happened_at, m.causation, m.traceparent, m.payload
               FROM unnest($2::uuid[]) WITH ORDINALITY k(key, nth)
               JOIN messaging.parked_messages m ON m.consumer = $1 AND m.key = k.key
              ORDER BY k.nth, m.letter LIMIT $3",
            self.consumer,
            keys,
            i64::try_from(limit).unwrap_or(i64::MAX),
        )
        .fetch_all(connection)
        .await?;
        rows.into_iter().map(|row| row.letter(&self.topics)).collect()
    }

    /// Takes messages that have been applied out of their queues; keys whose queue is empty are free again. Fails with
    /// [`Error::QueueChanged`] if one of them is not there as it was read.
    pub(crate) async fn take_out(
        &self,
        connection: &mut PgConnection,
        letters: &[Letter],
    ) -> Result<(), Error> {
        if letters.is_empty() {
            return Ok(());
        }
        self.lock_queues(connection, letters.iter().map(|letter| letter.message.key)).await?;
        let removed = sqlx::query!(
            "DELETE FROM messaging.parked_messages m USING unnest($1::int8[], $2::int4[]) v(letter, edits)
              WHERE m.letter = v.letter AND m.edits = v.edits",
            &letters.iter().map(|letter| letter.number).collect::<Vec<_>>(),
            &letters.iter().map(|letter| letter.edits).collect::<Vec<_>>(),
        )
        .execute(&mut *connection)
        .await?;
        if removed.rows_affected() != letters.len() as u64 {
            return Err(Error::QueueChanged);
        }
        let keys: Vec<Uuid> = letters.iter().map(|letter| letter.message.key).collect();
        free_empty(connection, self.consumer, &keys).await
    }

    /// Notes that a queue was tried again and why its first message still cannot be applied. Its own transaction.
    pub(crate) async fn note_failure(
        &self,
        connection: &mut PgConnection,
        message: &Incoming,
        reason: &str,
    ) -> Result<(), Error> {
        sqlx::query!(
            "UPDATE messaging.parked_keys
                SET retry_requested = false, attempts = attempts + 1, reason = $3, cause = $4
              WHERE consumer = $1 AND key = $2",
            self.consumer,
            message.key,
            reason,
            cause_of(message, reason),
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// Frees the keys among `keys`, whose rows are locked, that have an empty queue.
pub(crate) async fn free_empty(
    connection: &mut PgConnection,
    consumer: &str,
    keys: &[Uuid],
) -> Result<(), Error> {
    sqlx::query!(
        "DELETE FROM messaging.parked_keys k
          WHERE k.consumer = $1 AND k.key = ANY($2::uuid[])
            AND NOT EXISTS (SELECT FROM messaging.parked_messages m WHERE m.consumer = k.consumer AND m.key = k.key)",
        consumer,
        keys,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What messages with the same fault have in common: the type, and the reason with `#` for every word that holds a
/// digit, such as ids and amounts.
fn cause_of(message: &Incoming, reason: &str) -> String {
    let words: Vec<&str> = reason
        .split_whitespace()
        .map(|word| if word.bytes().any(|byte| byte.is_ascii_digit()) { "#" } else { word })
        .collect();
    format!("{}: {}", message.envelope.message_type, words.join(" "))
}

/// Which of `messages`, by index, go to the queues of their keys instead of being applied, each with why it cannot be;
/// `None` for one that only queues behind another.
///
/// `queued` are the keys that have a queue; `condemned` the messages, by key, that have been found to be poison.
pub(crate) fn sort_out(
    messages: &[Incoming],
    queued: &HashSet<Uuid>,
    condemned: &HashMap<Uuid, Condemned>,
) -> BTreeMap<usize, Option<String>> {
    let mut parked = BTreeMap::new();
    if queued.is_empty() && condemned.is_empty() {
        return parked;
    }
    let mut opened: HashSet<Uuid> = HashSet::new();
    for (index, message) in messages.iter().enumerate() {
        let waits = queued.contains(&message.key) || opened.contains(&message.key);
        if waits && !is_broken(Sabotage::PassParked) {
            parked.insert(index, None);
        } else if let Some(culprit) = condemned.get(&message.key).filter(|culprit| culprit.is(message)) {
            opened.insert(message.key);
            parked.insert(index, Some(culprit.reason.clone()));
        }
    }
    parked
}

/// A message that was found to be poison.
#[derive(Debug, Clone)]
pub(crate) struct Condemned {
    input: i32,
    sequence: i64,
    pub(crate) reason: String,
}

impl Condemned {
    pub(crate) fn new(message: &Incoming, reason: String) -> Self {
        Self { input: message.input, sequence: message.envelope.sequence, reason }
    }

    pub(crate) fn is(&self, message: &Incoming) -> bool {
        (self.input, self.sequence) == (message.input, message.envelope.sequence)
    }
}

#[cfg(test)]
#[path = "parking/tests.rs"]
mod tests;
