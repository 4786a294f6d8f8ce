//! What operators see of parked messages, and do with them.

mod row;

use bowline_contracts::envelope::Envelope;
use bowline_database::{Database, Transaction};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use self::row::Row;
use crate::Error;
use crate::parking::free_empty;

/// Why a queue waits whose first message was dropped: those behind it may depend on it.
const BEHIND_DROPPED: &str = "the message in front of it was dropped: retry or drop it as well";

/// The parked messages of one service, for its operators.
///
/// Everything here works on the database alone and may be called on any replica; whoever holds the partition follows
/// within a second. All of it can be repeated: what has been done already is left alone.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    database: Database,
    consumer: &'static str,
}

/// Which queues are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// Those whose first message has this cause.
    Cause(String),
    /// The one of this key.
    Key(Uuid),
}

/// Who does something, and why: kept for ever.
#[derive(Debug, Clone)]
pub struct Operator {
    /// A name, as the operator gives it.
    pub name: String,
    /// Why; may be empty.
    pub note: String,
}

/// Queues whose first messages have the same cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CauseGroup {
    /// The message's type, and why it cannot be applied, without ids and numbers.
    pub cause: String,
    /// The reason of one of them in full.
    pub example: String,
    /// How many keys wait.
    pub keys: u64,
    /// How many messages wait in all their queues.
    pub messages: u64,
    /// How many of the keys are to be tried again and have not been yet.
    pub retrying: u64,
    /// When the first key was parked.
    pub first_parked_at: DateTime<Utc>,
    /// When the last key was parked.
    pub last_parked_at: DateTime<Utc>,
}

/// A parked message.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    /// Its number, by which operators name it. Within a queue, order of number is order of arrival.
    pub letter: i64,
    /// The order that it is about.
    pub key: Uuid,
    /// The topic it came on.
    pub topic: String,
    /// The partition it came on.
    pub partition: u16,
    /// Where in the partition it was read.
    pub offset: i64,
    /// What came in its headers.
    pub envelope: Envelope,
    /// The encoded protobuf message, with what operators have changed.
    pub payload: Vec<u8>,
    /// When it was parked.
    pub parked_at: DateTime<Utc>,
    /// How often it was edited.
    pub edits: u32,
    /// For the first of its queue: why the queue waits. `None` for those behind it.
    pub head: Option<Head>,
}

/// Why a queue waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Why its first message cannot be applied.
    pub reason: String,
    /// The same without ids and numbers.
    pub cause: String,
    /// How often it was tried again.
    pub attempts: u32,
    /// Whether it is to be tried again and has not been yet.
    pub retrying: bool,
}

/// Something that an operator has done with a parked message or its queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkingAction {
    /// When.
    pub done_at: DateTime<Utc>,
    /// Who.
    pub operator: String,
    /// Why.
    pub note: String,
    /// `edit`, `retry` or `drop`.
    pub kind: String,
    /// The message; `None` for a retry, which is of the queue.
    pub letter: Option<i64>,
    /// What it held before an edit or a drop.
    pub payload_before: Option<Vec<u8>>,
}

/// Why an edit was not made.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The message is not parked, or not any more.
    #[error("no parked message has the number {0}")]
    NotFound(i64),
    /// Somebody else was faster.
    #[error("the message was edited {found} times, not {expected} times: look at it again")]
    Changed {
        /// How often the caller believes it was edited.
        expected: u32,
        /// How often it was.
        found: u32,
    },
    /// The database refused or was away.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl DeadLetters {
    /// The parked messages of `consumer`, which is the name that the service sends under.
    pub fn new(database: Database, consumer: &'static str) -> Self {
        Self { database, consumer }
    }

    /// The queues, grouped by the cause of their first message: the 1,000 largest groups, the largest first.
    pub async fn causes(&self) -> Result<Vec<CauseGroup>, Error> {
        let rows = sqlx::query!(
            r#"SELECT k.cause, min(k.reason) AS "example!", count(*) AS "keys!", sum(m.messages)::int8 AS "messages!",
                      count(*) FILTER (WHERE k.retry_requested) AS "retrying!",
                      min(k.parked_at) AS "first!", max(k.parked_at) AS "last!"
                 FROM messaging.parked_keys k,
                      LATERAL (SELECT count(*) AS messages FROM messaging.parked_messages m
                                WHERE m.consumer = k.consumer AND m.key = k.key) m
                WHERE k.consumer = $1 GROUP BY k.cause ORDER BY 3 DESC, k.cause LIMIT 1000"#,
            self.consumer,
        )
        .fetch_all(&mut *self.database.acquire().await?)
        .await?;
        let groups = rows.into_iter().map(|row| CauseGroup {
            cause: row.cause,
            example: row.example,
            keys: row.keys.unsigned_abs(),
            messages: row.messages.unsigned_abs(),
            retrying: row.retrying.unsigned_abs(),
            first_parked_at: row.first,
            last_parked_at: row.last,
        });
        Ok(groups.collect())
    }

    /// Parked messages with a number above `after`, in order of number, `limit` at the most.
    pub async fn list(
        &self,
        selection: &Selection,
        after: i64,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, Error> {
        let (cause, key) = selection.columns();
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT m.letter, m.key, m.topic, m.source, m.partition, m.read_offset, m.sequence, m.incarnation, m.id,
                      m.message_type, m.happened_at, m.causation, m.traceparent, m.payload, m.parked_at, m.edits,
                      k.reason, k.cause, k.attempts, k.retry_requested,
                      NOT EXISTS (SELECT FROM messaging.parked_messages b WHERE b.consumer = m.consumer
                                     AND b.key = m.key AND b.letter < m.letter) AS "is_head!"
                 FROM messaging.parked_messages m JOIN messaging.parked_keys k USING (consumer, key)
                WHERE m.consumer = $1 AND m.letter > $2
                  AND ($3::text IS NULL OR k.cause = $3) AND ($4::uuid IS NULL OR m.key = $4)
                ORDER BY m.letter LIMIT $5"#,
            self.consumer,
            after,
            cause,
            key,
            i64::from(limit),
        )
        .fetch_all(&mut *self.database.acquire().await?)
        .await?;
        Ok(rows.into_iter().map(Row::letter).collect())
    }

    /// One parked message; `None` if it is not parked, or not any more.
    pub async fn get(&self, letter: i64) -> Result<Option<DeadLetter>, Error> {
        let found = self.list(&Selection::All, letter.saturating_sub(1), 1).await?;
        Ok(found.into_iter().find(|found| found.letter == letter))
    }

    /// What operators have done with the messages of a key: the first 1,000 actions, in order.
    pub async fn actions(&self, key: Uuid) -> Result<Vec<ParkingAction>, Error> {
        let actions = sqlx::query_as!(
            ParkingAction,
            "SELECT done_at, operator, note, kind, letter, payload_before FROM messaging.parking_actions
              WHERE consumer = $1 AND key = $2 ORDER BY action LIMIT 1000",
            self.consumer,
            key,
        )
        .fetch_all(&mut *self.database.acquire().await?)
        .await?;
        Ok(actions)
    }

    /// Gives a parked message another payload, if it was edited `expected` times so far. What it held is kept.
    pub async fn edit(
        &self,
        letter: i64,
        expected: u32,
        payload: &[u8],
        operator: &Operator,
    ) -> Result<(), EditError> {
        let mut transaction = self.begin().await?;
        let queues = self.lock_queues_of(&mut transaction, &[letter]).await?;
        let found = sqlx::query_scalar!(
            "SELECT edits FROM messaging.parked_messages WHERE consumer = $1 AND letter = $2",
            self.consumer,
            letter,
        )
        .fetch_optional(&mut *transaction)
        .await
        .map_err(Error::from)?;
        let found = found.filter(|_| !queues.is_empty()).ok_or(EditError::NotFound(letter))?.unsigned_abs();
        if found != expected {
            return Err(EditError::Changed { expected, found });
        }
        sqlx::query!(
            "WITH noted AS (
                 INSERT INTO messaging.parking_actions (operator, note, kind, consumer, key, letter, id, message_type,
                                                        payload_before, payload_after)
                 SELECT $3, $4, 'edit', consumer, key, letter, id, message_type, payload, $2
                   FROM messaging.parked_messages WHERE letter = $1)
             UPDATE messaging.parked_messages SET payload = $2, edits = edits + 1 WHERE letter = $1",
            letter,
            payload,
            operator.name,
            operator.note,
        )
        .execute(&mut *transaction)
        .await
        .map_err(Error::from)?;
        transaction.commit().await.map_err(Error::from)?;
        Ok(())
    }

    /// Has the selected queues tried again, from their first message on. Returns how many that were not to be tried again
    /// already.
    pub async fn retry(&self, selection: &Selection, operator: &Operator) -> Result<u64, Error> {
        let (cause, key) = selection.columns();
        let mut connection = self.database.acquire().await?;
        let requested = sqlx::query!(
            "WITH meant AS (
                 SELECT key FROM messaging.parked_keys
                  WHERE consumer = $1 AND NOT retry_requested
                    AND ($2::text IS NULL OR cause = $2) AND ($3::uuid IS NULL OR key = $3)
                  ORDER BY key FOR UPDATE),
             noted AS (
                 INSERT INTO messaging.parking_actions (operator, note, kind, consumer, key)
                 SELECT $4, $5, 'retry', $1, key FROM meant)
             UPDATE messaging.parked_keys k SET retry_requested = true FROM meant
              WHERE k.consumer = $1 AND k.key = meant.key",
            self.consumer,
            cause,
            key,
            operator.name,
            operator.note,
        )
        .execute(&mut *connection)
        .await?;
        Ok(requested.rows_affected())
    }

    /// Takes these messages out of their queues for good; what they held is kept with the operator's word. A key whose
    /// queue is empty is free again, the other queues wait for a retry. Returns how many were there.
    pub async fn discard(&self, letters: &[i64], operator: &Operator) -> Result<u64, Error> {
        let mut transaction = self.begin().await?;
        let queues = self.lock_queues_of(&mut transaction, letters).await?;
        let dropped = sqlx::query!(
            "WITH dropped AS (
                 DELETE FROM messaging.parked_messages WHERE consumer = $1 AND letter = ANY($2::int8[])
                 RETURNING consumer, key, letter, id, message_type, payload)
             INSERT INTO messaging.parking_actions (operator, note, kind, consumer, key, letter, id, message_type,
                                                    payload_before)
             SELECT $3, $4, 'drop', consumer, key, letter, id, message_type, payload FROM dropped ORDER BY letter",
            self.consumer,
            letters,
            operator.name,
            operator.note,
        )
        .execute(&mut *transaction)
        .await?;
        let keys: Vec<Uuid> = queues.iter().map(|(key, _)| *key).collect();
        free_empty(&mut transaction, self.consumer, &keys).await?;
        let headless: Vec<Uuid> =
            queues.iter().filter(|(_, head)| letters.contains(head)).map(|(key, _)| *key).collect();
        sqlx::query!(
            "UPDATE messaging.parked_keys SET reason = $3, cause = $3 WHERE consumer = $1 AND key = ANY($2::uuid[])",
            self.consumer,
            &headless,
            BEHIND_DROPPED,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(dropped.rows_affected())
    }

    async fn begin(&self) -> Result<Transaction, Error> {
        Ok(self.database.begin().await?)
    }

    /// Locks the queues that hold these messages, so that nobody tries them again meanwhile. Returns their keys, each with
    /// the number of its first message.
    async fn lock_queues_of(
        &self,
        connection: &mut PgConnection,
        letters: &[i64],
    ) -> Result<Vec<(Uuid, i64)>, Error> {
        let rows = sqlx::query!(
            r#"SELECT key, (SELECT min(letter) FROM messaging.parked_messages m
                            WHERE m.consumer = k.consumer AND m.key = k.key) AS "head!"
               FROM messaging.parked_keys k
              WHERE consumer = $1 AND key IN (SELECT key FROM messaging.parked_messages
                                               WHERE consumer = $1 AND letter = ANY($2::int8[]))
              ORDER BY key FOR UPDATE"#,
            self.consumer,
            letters,
        )
        .fetch_all(connection)
        .await?;
        Ok(rows.into_iter().map(|row| (row.key, row.head)).collect())
    }
}

impl Selection {
    fn columns(&self) -> (Option<&str>, Option<Uuid>) {
        match self {
            Self::All => (None, None),
            Self::Cause(cause) => (Some(cause), None),
            Self::Key(key) => (None, Some(*key)),
        }
    }
}
