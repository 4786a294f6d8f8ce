//! Messages numbered at commit: the last statement of every writing transaction.

use std::collections::HashMap;

use bowline_contracts::topics::Topic;
use bowline_database::Database;
use bowline_fault_points::{Sabotage, is_broken};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use self::early::Early;
use crate::batch::Advances;
use crate::{Error, KafkaOptions};

mod by_sequence;
mod early;

/// The database's number of a lane of this source.
pub type LaneId = i32;

/// A message to be sent when the transaction commits.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where it goes.
    pub topic: &'static Topic,
    /// The order that it is about; decides the partition.
    pub key: Uuid,
    /// The partition of the key.
    pub partition: u16,
    /// Unique over all services.
    pub id: Uuid,
    /// The protobuf full name of the payload.
    pub message_type: &'static str,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// The message or request that led to it.
    pub causation: Option<Uuid>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// The encoded protobuf message.
    pub payload: Bytes,
}

/// A message with its place in its lane.
#[derive(Debug, Clone)]
pub struct Sequenced {
    /// The lane.
    pub lane: LaneId,
    /// The place: 1, 2, 3, … in order of commit.
    pub sequence: i64,
    /// The history in which the sequence was given.
    pub incarnation: Uuid,
    /// The message.
    pub message: Outgoing,
}

/// The lanes of this source, as registered in its database.
#[derive(Debug, Clone)]
pub struct Outbox {
    lanes: HashMap<(&'static str, u16), LaneId>,
    message_bytes_max: usize,
    /// Where a broken outbox takes its numbers from; empty but in builds for proving.
    numbers: Option<Database>,
    /// How a broken outbox publishes before the commit; empty but in builds for proving.
    early: Option<Early>,
}

/// Attributes and Kafka's own framing beside the payload; generous.
const HEADER_BYTES: usize = 1024;

impl Outbox {
    /// Registers a lane for every partition of every topic that this source sends to. Registering again changes
    /// nothing. Messages whose payload and headers exceed `message_bytes_max` are refused when they are appended.
    pub async fn register(
        connection: &mut PgConnection,
        topics: &[&'static Topic],
        message_bytes_max: usize,
    ) -> Result<Self, Error> {
        let (names, partitions): (Vec<String>, Vec<i16>) = topics
            .iter()
            .flat_map(|topic| {
                (0..topic.partitions).map(|partition| (topic.name.to_owned(), partition.cast_signed()))
            })
            .unzip();
        sqlx::query!(
            "INSERT INTO messaging.lanes (topic, partition)
             SELECT * FROM unnest($1::text[], $2::int2[]) ON CONFLICT DO NOTHING",
            &names,
            &partitions,
        )
        .execute(&mut *connection)
        .await?;
        sqlx::query!(
            "WITH heads AS (
                 INSERT INTO messaging.lane_heads (lane) SELECT lane FROM messaging.lanes ON CONFLICT DO NOTHING)
             INSERT INTO messaging.published (lane) SELECT lane FROM messaging.lanes ON CONFLICT DO NOTHING",
        )
        .execute(&mut *connection)
        .await?;
        let rows =
            sqlx::query!("SELECT lane, topic, partition FROM messaging.lanes").fetch_all(connection).await?;
        let registered: HashMap<(String, i16), LaneId> =
            rows.into_iter().map(|row| ((row.topic, row.partition), row.lane)).collect();
        let lanes = topics
            .iter()
            .flat_map(|topic| (0..topic.partitions).map(|partition| (topic.name, partition)))
            .filter_map(|(name, partition)| {
                let lane = registered.get(&(name.to_owned(), partition.cast_signed()))?;
                Some(((name, partition), *lane))
            })
            .collect();
        Ok(Self { lanes, message_bytes_max, numbers: None, early: None })
    }

    /// As a proof has it: sequences come from `numbers`, without waiting for any transaction, if that is to be broken.
    pub(crate) fn numbered_by(self, numbers: &Database) -> Self {
        let broken = is_broken(Sabotage::NumberBySequence);
        Self { numbers: broken.then(|| numbers.clone()), ..self }
    }

    /// As a proof has it: messages are published by `source` before their transaction commits, if that is to be broken.
    pub(crate) fn published_by(self, source: &'static str, kafka: &KafkaOptions) -> Result<Self, Error> {
        let broken = is_broken(Sabotage::PublishBeforeCommit);
        Ok(Self { early: broken.then(|| Early::start(source, kafka)).transpose()?, ..self })
    }

    /// The lane of a partition of a topic.
    pub fn lane(&self, topic: &Topic, partition: u16) -> Option<LaneId> {
        self.lanes.get(&(topic.name, partition)).copied()
    }

    /// Every lane with its topic and partition.
    pub fn lanes(&self) -> impl Iterator<Item = (LaneId, &'static str, u16)> {
        self.lanes.iter().map(|((topic, partition), lane)| (*lane, *topic, *partition))
    }

    /// Takes the next sequences of the lanes touched and writes the messages, in one statement.
    ///
    /// Must be the last statement before `COMMIT`: the heads stay locked until then, which makes sequence order commit
    /// order. Messages of one lane keep the order given. On any error the transaction must be rolled back. The result
    /// may be published only after the commit is confirmed.
    pub async fn append(
        &self,
        connection: &mut PgConnection,
        messages: Vec<Outgoing>,
    ) -> Result<Vec<Sequenced>, Error> {
        self.write(connection, &Advances::default(), messages).await
    }

    /// As [`Outbox::append`], having advanced what a batch has applied, whose watermarks are locked.
    pub(crate) async fn write(
        &self,
        connection: &mut PgConnection,
        advances: &Advances,
        messages: Vec<Outgoing>,
    ) -> Result<Vec<Sequenced>, Error> {
        let sent = match &self.numbers {
            _ if messages.is_empty() && advances.is_empty() => Vec::new(),
            Some(numbers) if !messages.is_empty() => {
                by_sequence::write(self, numbers, connection, advances, messages).await?
            }
            _ => self.write_in_order(connection, advances, messages).await?,
        };
        if let Some(early) = &self.early {
            early.publish(&sent).await;
        }
        Ok(sent)
    }

    async fn write_in_order(
        &self,
        connection: &mut PgConnection,
        advances: &Advances,
        messages: Vec<Outgoing>,
    ) -> Result<Vec<Sequenced>, Error> {
        let numbering = Numbering::plan(self, &messages)?;
        let rows = Rows::of(&messages);
        let answer = sqlx::query!(
            r#"WITH moved AS (
                 UPDATE messaging.watermarks w SET sequence = v.sequence, incarnation = v.incarnation
                   FROM unnest($13::int4[], $14::int8[], $15::uuid[]) v(input, sequence, incarnation)
                  WHERE w.input = v.input RETURNING 1),
             placed AS (
                 UPDATE messaging.positions p SET next_offset = v.next_offset
                   FROM unnest($16::int4[], $17::int8[]) v(position, next_offset)
                  WHERE p.position = v.position RETURNING 1),
             cluster AS MATERIALIZED (
                 -- Empty when the database is not the one that the incarnation was recorded for.
                 SELECT i.incarnation
                   FROM messaging.current_incarnation JOIN messaging.incarnations i USING (incarnation)
                  WHERE cardinality($1::int4[]) > 0
                    AND i.system_identifier = (SELECT system_identifier FROM pg_control_system())
                    AND i.timeline = ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int),
             locked AS MATERIALIZED (
                 -- Everybody locks in order of lane, the update alone would lock in any order and deadlock; and behind the
                 -- positions, which the count waits for.
                 SELECT h.lane, h.next_sequence FROM messaging.lane_heads h
                  WHERE h.lane = ANY($1::int4[]) AND EXISTS (SELECT FROM cluster)
                    AND (SELECT count(*) FROM placed) >= 0
                  ORDER BY h.lane FOR UPDATE),
             advanced AS (
                 UPDATE messaging.lane_heads h SET next_sequence = l.next_sequence + v.count
                   FROM locked l JOIN unnest($1::int4[], $2::int8[]) v(lane, count) ON v.lane = l.lane
                  WHERE h.lane = l.lane RETURNING h.lane, l.next_sequence AS base),
             bases AS MATERIALIZED (
                 -- No row when a head is missing: then nothing is written, and the caller sees it.
                 SELECT array_agg(base ORDER BY lane) AS base FROM advanced HAVING count(*) = cardinality($1::int4[])),
             written AS (
                 INSERT INTO messaging.outbox (slot, lane, sequence, incarnation, key, id, message_type, happened_at,
                                               causation, traceparent, payload)
                 SELECT s.slot, r.lane, b.base[r.nth] + r.place, c.incarnation, r.key, r.id, r.message_type,
                        r.happened_at, r.causation, r.traceparent, r.payload
                   FROM bases b, cluster c, messaging.outbox_slot s,
                        unnest($3::int4[], $4::int4[], $5::int8[], $6::uuid[], $7::uuid[], $8::text[],
                               $9::timestamptz[], $10::uuid[], $11::text[], $12::bytea[])
                          r(lane, nth, place, key, id, message_type, happened_at, causation, traceparent, payload)
                 RETURNING 1)
             SELECT (SELECT incarnation FROM cluster) AS incarnation,
                    (SELECT base FROM bases) AS base,
                    (SELECT count(*) FROM written) AS "written!",
                    (SELECT count(*) FROM moved) AS "moved!""#,
            &numbering.lanes,
            &numbering.counts,
            &numbering.row_lanes,
            &numbering.row_nths,
            &numbering.row_places,
            &rows.keys,
            &rows.ids,
            &rows.message_types as &[&str],
            &rows.times,
            &rows.causations as &[Option<Uuid>],
            &rows.traceparents as &[Option<&str>],
            &rows.payloads as &[&[u8]],
            &advances.inputs,
            &advances.sequences,
            &advances.incarnations,
            &advances.positions,
            &advances.next_offsets,
        )
        .fetch_one(connection)
        .await?;
        all_written(advances.inputs.len(), answer.moved)?;
        if messages.is_empty() {
            return Ok(Vec::new());
        }
        let incarnation = answer.incarnation.ok_or(Error::IncarnationChanged)?;
        let base = answer.base.ok_or(Error::MissingHead { expected: numbering.lanes.len() })?;
        all_written(messages.len(), answer.written)?;
        Ok(numbering.apply(&base, incarnation, messages))
    }

    fn check_size(&self, message: &Outgoing) -> Result<(), Error> {
        let size = message.payload.len() + message.message_type.len() + HEADER_BYTES;
        if size > self.message_bytes_max {
            return Err(Error::TooLarge {
                message_type: message.message_type,
                size,
                limit: self.message_bytes_max,
            });
        }
        Ok(())
    }
}

fn all_written(expected: usize, written: i64) -> Result<(), Error> {
    if usize::try_from(written) == Ok(expected) {
        Ok(())
    } else {
        Err(Error::Swallowed { expected, written })
    }
}

/// Which sequences each message will take, before the heads are known.
struct Numbering {
    /// The lanes touched, ascending, and how many messages go to each.
    lanes: Vec<LaneId>,
    counts: Vec<i64>,
    /// Per message: its lane, the lane's index in `lanes` from 1, and its place among the lane's messages from 0.
    row_lanes: Vec<LaneId>,
    row_nths: Vec<i32>,
    row_places: Vec<i64>,
}

impl Numbering {
    fn plan(outbox: &Outbox, messages: &[Outgoing]) -> Result<Self, Error> {
        let mut row_lanes = Vec::with_capacity(messages.len());
        for message in messages {
            outbox.check_size(message)?;
            let lane = outbox.lane(message.topic, message.partition);
            row_lanes.push(lane.ok_or(Error::MissingHead { expected: 1 })?);
        }
        let mut lanes = row_lanes.clone();
        lanes.sort_unstable();
        lanes.dedup();
        let mut counts = vec![0_i64; lanes.len()];
        let mut row_nths = Vec::with_capacity(messages.len());
        let mut row_places = Vec::with_capacity(messages.len());
        for lane in &row_lanes {
            let index = lanes.binary_search(lane).expect("lanes holds every lane of row_lanes");
            row_nths.push(i32::try_from(index + 1).expect("a batch touches few lanes"));
            row_places.push(counts[index]);
            counts[index] += 1;
        }
        Ok(Self { lanes, counts, row_lanes, row_nths, row_places })
    }

    fn apply(self, base: &[i64], incarnation: Uuid, messages: Vec<Outgoing>) -> Vec<Sequenced> {
        let places = self.row_lanes.into_iter().zip(self.row_nths).zip(self.row_places);
        messages
            .into_iter()
            .zip(places)
            .map(|(message, ((lane, nth), place))| {
                let index = usize::try_from(nth - 1).expect("counted from 1");
                Sequenced { lane, sequence: base[index] + place, incarnation, message }
            })
            .collect()
    }
}

/// The columns of the messages.
struct Rows<'a> {
    keys: Vec<Uuid>,
    ids: Vec<Uuid>,
    message_types: Vec<&'a str>,
    times: Vec<DateTime<Utc>>,
    causations: Vec<Option<Uuid>>,
    traceparents: Vec<Option<&'a str>>,
    payloads: Vec<&'a [u8]>,
}

impl<'a> Rows<'a> {
    fn of(messages: &'a [Outgoing]) -> Self {
        Self {
            keys: messages.iter().map(|message| message.key).collect(),
            ids: messages.iter().map(|message| message.id).collect(),
            message_types: messages.iter().map(|message| message.message_type).collect(),
            times: messages.iter().map(|message| message.time).collect(),
            causations: messages.iter().map(|message| message.causation).collect(),
            traceparents: messages.iter().map(|message| message.traceparent.as_deref()).collect(),
            payloads: messages.iter().map(|message| message.payload.as_ref()).collect(),
        }
    }
}
