//! Watermarks and positions: what of a consumer's inputs has been applied.

use bowline_contracts::envelope::Envelope;
use bowline_contracts::topics::Topic;
use bytes::Bytes;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;

/// The database's number of a lane that this consumer reads.
pub type InputId = i32;

/// A message as read from Kafka. `I` is `()` for somebody who reads it without being a consumer of its lane.
#[derive(Debug, Clone)]
pub struct Incoming<I = InputId> {
    /// The lane it came on.
    pub input: I,
    /// Where it was read.
    pub topic: &'static Topic,
    /// Where it was read.
    pub partition: u16,
    /// Where it was read.
    pub offset: i64,
    /// The order that it is about.
    pub key: Uuid,
    /// What came in its headers.
    pub envelope: Envelope,
    /// The encoded protobuf message.
    pub payload: Bytes,
}

/// The last sequence applied of a lane.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) input: InputId,
    pub(crate) source: String,
    pub(crate) sequence: i64,
    pub(crate) incarnation: Option<Uuid>,
}

/// Where reading of a partition of a topic goes on.
#[derive(Debug, Clone)]
pub(crate) struct Position {
    pub(crate) row: i32,
    pub(crate) topic: &'static Topic,
    pub(crate) topic_id: Option<Uuid>,
    pub(crate) next_offset: i64,
    pub(crate) marks: Vec<Mark>,
}

/// The inputs of one consumer.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    consumer: String,
    topics: Vec<&'static Topic>,
}

impl Inbox {
    pub(crate) fn new(consumer: &str, topics: &[&'static Topic]) -> Self {
        Self { consumer: consumer.to_owned(), topics: topics.to_vec() }
    }

    /// Registers every lane once, at sequence 0. What is registered already is left alone, so a watermark that got
    /// lost is not made up again.
    pub(crate) async fn register(&self, connection: &mut PgConnection) -> Result<(), Error> {
        for topic in &self.topics {
            let sources: Vec<String> = topic.sources.iter().map(|source| (*source).to_owned()).collect();
            sqlx::query!(
                "WITH registered AS (
                     INSERT INTO messaging.inputs (consumer, topic, source)
                     SELECT $1, $2, unnest($3::text[]) ON CONFLICT DO NOTHING RETURNING source),
                 places AS (
                     INSERT INTO messaging.positions (consumer, topic, partition)
                     SELECT $1, $2, generate_series(0, $4::int - 1) WHERE EXISTS (SELECT FROM registered)
                     ON CONFLICT DO NOTHING)
                 INSERT INTO messaging.watermarks (consumer, topic, source, partition)
                 SELECT $1, $2, source, generate_series(0, $4::int - 1) FROM registered",
                self.consumer,
                topic.name,
                &sources,
                i32::from(topic.partitions),
            )
            .execute(&mut *connection)
            .await?;
        }
        Ok(())
    }

    /// The positions and watermarks of one partition of every input topic.
    pub(crate) async fn load(
        &self,
        connection: &mut PgConnection,
        partition: u16,
    ) -> Result<Vec<Position>, Error> {
        let names: Vec<String> = self.topics.iter().map(|topic| topic.name.to_owned()).collect();
        let rows = sqlx::query!(
            r#"SELECT p.position, p.topic, p.topic_id, p.next_offset,
                      w.input AS "input?", i.source, w.sequence AS "sequence?", w.incarnation
                 FROM messaging.positions p
                 JOIN messaging.inputs i ON i.consumer = p.consumer AND i.topic = p.topic
                 LEFT JOIN messaging.watermarks w ON w.consumer = p.consumer AND w.topic = p.topic
                      AND w.source = i.source AND w.partition = p.partition
                WHERE p.consumer = $1 AND p.topic = ANY($2) AND p.partition = $3
                ORDER BY p.position"#,
            self.consumer,
            &names,
            partition.cast_signed(),
        )
        .fetch_all(connection)
        .await?;
        let mut positions: Vec<Position> = Vec::with_capacity(self.topics.len());
        for row in rows {
            let (Some(input), Some(sequence)) = (row.input, row.sequence) else {
                return Err(self.missing(&row.topic, &row.source, partition));
            };
            if positions.last().is_none_or(|last| last.row != row.position) {
                let topic =
                    self.topics.iter().find(|topic| topic.name == row.topic).expect("asked for by name");
                positions.push(Position {
                    row: row.position,
                    topic,
                    topic_id: row.topic_id,
                    next_offset: row.next_offset,
                    marks: Vec::new(),
                });
            }
            let mark = Mark { input, source: row.source, sequence, incarnation: row.incarnation };
            positions.last_mut().expect("pushed above").marks.push(mark);
        }
        if let Some(topic) =
            self.topics.iter().find(|topic| !positions.iter().any(|p| p.topic.name == topic.name))
        {
            return Err(self.missing(topic.name, "any source", partition));
        }
        Ok(positions)
    }

    /// Notes that a position belongs to a topic with this id; reading begins at offset 0 of a topic that was made
    /// again under the same name.
    pub(crate) async fn adopt_topic(
        &self,
        connection: &mut PgConnection,
        position: &mut Position,
        topic_id: Uuid,
    ) -> Result<(), Error> {
        if position.topic_id == Some(topic_id) {
            return Ok(());
        }
        if position.topic_id.is_some() {
            tracing::warn!(
                topic = position.topic.name,
                "topic was made again, reading it from its beginning"
            );
            position.next_offset = 0;
        }
        position.topic_id = Some(topic_id);
        sqlx::query!(
            "UPDATE messaging.positions SET topic_id = $2, next_offset = $3 WHERE position = $1",
            position.row,
            topic_id,
            position.next_offset,
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Those of these lanes whose watermark is another than this one.
    pub(crate) async fn moved(
        &self,
        connection: &mut PgConnection,
        marks: &[(InputId, i64, Option<Uuid>)],
    ) -> Result<Vec<InputId>, Error> {
        let inputs: Vec<InputId> = marks.iter().map(|(input, ..)| *input).collect();
        let rows = sqlx::query!(
            "SELECT input, sequence, incarnation FROM messaging.watermarks WHERE input = ANY($1::int4[])",
            &inputs,
        )
        .fetch_all(connection)
        .await?;
        let moved =
            rows.into_iter().filter(|row| !marks.contains(&(row.input, row.sequence, row.incarnation)));
        Ok(moved.map(|row| row.input).collect())
    }

    /// The consumer whose inputs these are.
    pub(crate) fn name(&self) -> &str {
        &self.consumer
    }

    fn missing(&self, topic: &str, source: &str, partition: u16) -> Error {
        Error::MissingWatermark {
            consumer: self.consumer.clone(),
            topic: topic.to_owned(),
            source_name: source.to_owned(),
            partition,
        }
    }
}
