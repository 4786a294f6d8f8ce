//! What a source has said, read again from its outbox: for consumers whose topic has lost messages.

use std::collections::{BTreeMap, HashMap};

use bowline_contracts::envelope::Envelope;
use bowline_database::{Database, Fault};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::envelope::envelope;
use crate::outbox::{LaneId, Outbox};
use crate::{Error, incarnation};

/// The most messages of one page.
const PAGE_MESSAGES_MAX: i64 = 500;
/// The most bytes of one page, unless its first message alone is larger. What a client of gRPC takes by default is four
/// times as much, so the attributes, which are counted generously, have room.
const PAGE_BYTES_MAX: i64 = 1 << 20;
/// The most histories that are told, the last ones.
const INCARNATIONS_MAX: i32 = 1_000;

/// Reads the lanes of one source. Clones share their connections.
#[derive(Debug, Clone)]
pub struct LaneReader {
    source: &'static str,
    lanes: HashMap<(&'static str, u16), LaneId>,
    database: Database,
}

/// A message as it was, or should have been, on its topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneMessage {
    /// The order that it is about.
    pub key: Uuid,
    /// What travels in its headers.
    pub envelope: Envelope,
    /// The encoded protobuf message.
    pub payload: Bytes,
}

/// How far a lane has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneHead {
    /// The partition.
    pub partition: u16,
    /// The last sequence that was given out.
    pub last: i64,
    /// The last sequence that Kafka is known to have; noted lazily.
    pub published: i64,
}

/// A history in which lanes were numbered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneIncarnation {
    /// Its id, which its messages carry.
    pub incarnation: Uuid,
    /// The one that it continues; `None` for the first.
    pub parent: Option<Uuid>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// By partition: the last sequence that it has of those before it.
    pub starts: BTreeMap<u16, i64>,
}

/// Why a lane cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LaneReadError {
    /// This source does not send on that lane.
    #[error("{source_name} does not send on {topic}, partition {partition}")]
    Unknown {
        /// The source that was asked.
        source_name: String,
        /// The topic that was asked for.
        topic: String,
        /// The partition that was asked for.
        partition: u16,
    },
    /// The range ends behind the last sequence that was given out.
    #[error("the lane ends at sequence {last}")]
    Ahead {
        /// The last sequence that was given out.
        last: i64,
        /// The history in which it was.
        incarnation: Uuid,
    },
    /// The first message of the range is no longer kept.
    #[error("sequence {first} is no longer kept")]
    Gone {
        /// The first sequence of the range.
        first: i64,
    },
    /// The database failed.
    #[error(transparent)]
    Failed(#[from] Error),
}

bowline_database::from_sqlx!(LaneReadError::Failed);

impl LaneReadError {
    /// What a caller may do about it.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Unknown { .. } | Self::Ahead { .. } | Self::Gone { .. } => Fault::Refused,
            Self::Failed(error) => error.fault(),
        }
    }
}

impl LaneReader {
    pub(crate) fn new(source: &'static str, outbox: &Outbox, database: Database) -> Self {
        let lanes = outbox.lanes().map(|(lane, topic, partition)| ((topic, partition), lane)).collect();
        Self { source, lanes, database }
    }

    /// The name under which the lanes are sent.
    pub fn source(&self) -> &'static str {
        self.source
    }

    /// The messages behind `after`, up to and with `up_to`, without a hole: at least one, and as many as a page holds.
    pub async fn read(
        &self,
        topic: &str,
        partition: u16,
        after: i64,
        up_to: i64,
    ) -> Result<Vec<LaneMessage>, LaneReadError> {
        let lane = self.lane(topic, partition)?;
        let mut connection = self.database.acquire().await.map_err(Error::from)?;
        let incarnation = current(&mut connection).await?;
        // Asked for first: what lies below a head that was seen is committed.
        let last = sqlx::query_scalar!(
            r#"SELECT next_sequence - 1 AS "last!" FROM messaging.lane_heads WHERE lane = $1"#,
            lane
        )
        .fetch_one(&mut *connection)
        .await?;
        if up_to > last {
            return Err(LaneReadError::Ahead { last, incarnation });
        }
        let rows = sqlx::query!(
            r#"SELECT sequence AS "sequence!", incarnation AS "incarnation!", key AS "key!", id AS "id!",
                      message_type AS "message_type!", happened_at AS "happened_at!", causation AS "causation?",
                      traceparent AS "traceparent?", payload AS "payload!"
                 -- The length of a payload is known without reading it, so a page of large ones costs no more.
                 FROM (SELECT *, sum(octet_length(payload) + 512) OVER (ORDER BY sequence) AS bytes
                         FROM messaging.outbox
                        WHERE slot IN (0, 1, 2) AND lane = $1 AND sequence > $2 AND sequence <= $3) page
                WHERE bytes <= $4 OR sequence = $2 + 1
                ORDER BY sequence"#,
            lane,
            after,
            up_to.min(after.saturating_add(PAGE_MESSAGES_MAX)),
            PAGE_BYTES_MAX,
        )
        .fetch_all(&mut *connection)
        .await?;
        let messages = rows.into_iter().map(|row| LaneMessage {
            key: row.key,
            envelope: envelope!(row, self.source.to_owned()),
            payload: row.payload.into(),
        });
        // A rotation may have taken a part of the range away meanwhile.
        let whole =
            messages.zip(after + 1..).take_while(|(message, next)| message.envelope.sequence == *next);
        let page: Vec<LaneMessage> = whole.map(|(message, _)| message).collect();
        if page.is_empty() && up_to > after {
            return Err(LaneReadError::Gone { first: after + 1 });
        }
        Ok(page)
    }

    /// The history in which sequences are given now, and how far these lanes have come in it.
    pub async fn heads(
        &self,
        topic: &str,
        partitions: &[u16],
    ) -> Result<(Uuid, Vec<LaneHead>), LaneReadError> {
        let asked = self.lanes(topic, partitions)?;
        let lanes: Vec<LaneId> = asked.keys().copied().collect();
        let mut connection = self.database.acquire().await.map_err(Error::from)?;
        let incarnation = current(&mut connection).await?;
        let rows = sqlx::query!(
            r#"SELECT h.lane, h.next_sequence - 1 AS "last!", p.sequence AS published
                 FROM messaging.lane_heads h JOIN messaging.published p USING (lane)
                WHERE h.lane = ANY($1::int4[])"#,
            &lanes,
        )
        .fetch_all(&mut *connection)
        .await?;
        if rows.len() != lanes.len() {
            return Err(Error::MissingHead { expected: lanes.len() }.into());
        }
        let heads = rows.into_iter().map(|row| LaneHead {
            partition: asked[&row.lane],
            last: row.last,
            published: row.published,
        });
        Ok((incarnation, heads.collect()))
    }

    /// The histories in which these lanes were numbered, from the first to the present one: the last 1,000.
    pub async fn history(
        &self,
        topic: &str,
        partitions: &[u16],
    ) -> Result<Vec<LaneIncarnation>, LaneReadError> {
        let asked = self.lanes(topic, partitions)?;
        let lanes: Vec<LaneId> = asked.keys().copied().collect();
        let mut connection = self.database.acquire().await.map_err(Error::from)?;
        let present = current(&mut connection).await?;
        let rows = sqlx::query!(
            r#"WITH RECURSIVE told AS (
                 SELECT incarnation, parent, recorded_at, 1 AS nth FROM messaging.incarnations WHERE incarnation = $1
                 UNION ALL
                 SELECT i.incarnation, i.parent, i.recorded_at, t.nth + 1
                   FROM told t JOIN messaging.incarnations i ON i.incarnation = t.parent WHERE t.nth < $3)
               SELECT t.incarnation AS "incarnation!", t.parent, t.recorded_at AS "recorded_at!", l.lane AS "lane!",
                      -- A lane that was registered later has nothing of the histories before.
                      coalesce(s.last_sequence, 0) AS "last!"
                 FROM told t CROSS JOIN unnest($2::int4[]) l(lane)
                 LEFT JOIN messaging.incarnation_starts s ON s.incarnation = t.incarnation AND s.lane = l.lane
                ORDER BY t.nth DESC"#,
            present,
            &lanes,
            INCARNATIONS_MAX,
        )
        .fetch_all(&mut *connection)
        .await?;
        let mut told: Vec<LaneIncarnation> = Vec::new();
        for row in rows {
            let start = (asked[&row.lane], row.last);
            match told.last_mut().filter(|last| last.incarnation == row.incarnation) {
                Some(last) => last.starts.extend([start]),
                None => told.push(LaneIncarnation {
                    incarnation: row.incarnation,
                    parent: row.parent,
                    recorded_at: row.recorded_at,
                    starts: BTreeMap::from([start]),
                }),
            }
        }
        Ok(told)
    }

    /// The database's numbers of these lanes, each with its partition.
    fn lanes(&self, topic: &str, partitions: &[u16]) -> Result<BTreeMap<LaneId, u16>, LaneReadError> {
        partitions.iter().map(|partition| Ok((self.lane(topic, *partition)?, *partition))).collect()
    }

    fn lane(&self, topic: &str, partition: u16) -> Result<LaneId, LaneReadError> {
        self.lanes.get(&(topic, partition)).copied().ok_or_else(|| LaneReadError::Unknown {
            source_name: self.source.to_owned(),
            topic: topic.to_owned(),
            partition,
        })
    }
}

/// The history in which sequences are given now. Behind a failover nothing is told before that is recorded: a consumer
/// would take what is forgotten for what was never given out.
async fn current(connection: &mut PgConnection) -> Result<Uuid, LaneReadError> {
    let current = incarnation::current(connection).await?;
    Ok(current.filter(|current| current.is_of_this_timeline).ok_or(Error::IncarnationChanged)?.incarnation)
}
