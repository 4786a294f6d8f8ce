//! What operators see of the lanes that a service hears, and how they let one go on whose source has lost commits.

mod standing;

use bowline_database::Database;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use self::standing::{DOUBT, FORGOTTEN, MISSING};
use crate::Error;
use crate::dead_letters::Operator;

/// The lanes that one service hears, for its operators. Works on the database alone, on any replica.
#[derive(Debug, Clone)]
pub struct HeardLanes {
    database: Database,
    consumer: &'static str,
}

/// A lane, as operators name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneName {
    /// The topic, without the namespace of a deployment.
    pub topic: String,
    /// The partition.
    pub partition: u16,
    /// The service that sends on it.
    pub source: String,
}

/// A lane that a service hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardLane {
    /// Which one.
    pub name: LaneName,
    /// The last sequence applied; 0 before the first.
    pub sequence: i64,
    /// The history that it belongs to; `None` before the first.
    pub incarnation: Option<Uuid>,
    /// What holds it; `None` if it flows.
    pub held: Option<HeldLane>,
}

/// What holds a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLane {
    /// What it waits for.
    pub state: HeldState,
    /// Why, for an operator.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// What a lane waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldState {
    /// For these messages, which its source is asked for.
    Missing {
        /// The first of them.
        first: i64,
        /// The last of them.
        last: i64,
    },
    /// For its source to tell whether it has lost commits.
    Doubt,
    /// For an operator to accept that its source has lost what was applied.
    Forgotten {
        /// The last sequence that the source has kept.
        kept: i64,
        /// The history in which it continues.
        incarnation: Uuid,
    },
    /// For an operator, for another reason.
    Stopped,
}

/// What an operator has seen of a lane and accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// Which one.
    pub name: LaneName,
    /// Its watermark, and the history that it belonged to.
    pub from: (i64, Uuid),
    /// The last sequence that its source has kept, and the history in which it continues.
    pub to: (i64, Uuid),
}

/// Why a lane does not go on.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The service does not hear it.
    #[error("this service does not hear {source_name} on {topic}, partition {partition}")]
    Unknown {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u16,
        /// The source.
        source_name: String,
    },
    /// It is not as the operator has seen it.
    #[error(
        "the lane is not as it was seen: it has applied up to sequence {sequence} and {state}: look at it again"
    )]
    Changed {
        /// The last sequence applied.
        sequence: i64,
        /// What it waits for.
        state: &'static str,
    },
    /// It has not stopped because its source has lost commits.
    #[error("nothing is to be accepted: the lane {state}")]
    NotForgotten {
        /// What it does instead.
        state: &'static str,
    },
    /// The database refused or was away.
    #[error(transparent)]
    Failed(#[from] Error),
}

bowline_database::from_sqlx!(AcceptError::Failed);

impl HeardLanes {
    /// The lanes of `consumer`, which is the name that the service sends under.
    pub fn new(database: Database, consumer: &'static str) -> Self {
        Self { database, consumer }
    }

    /// Every lane, in order of topic, partition and source.
    pub async fn list(&self) -> Result<Vec<HeardLane>, Error> {
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT w.topic, w.partition, w.source, w.sequence, w.incarnation, h.state AS "state?",
                      h.reason AS "reason?", h.first_missing, h.last_missing, h.kept_sequence, h.kept_in,
                      h.held_at AS "held_at?"
                 FROM messaging.watermarks w LEFT JOIN messaging.held_lanes h USING (input)
                WHERE w.consumer = $1 ORDER BY w.topic, w.partition, w.source"#,
            self.consumer,
        )
        .fetch_all(&mut *self.database.acquire().await?)
        .await?;
        Ok(rows.into_iter().map(Row::lane).collect())
    }

    /// Lets a lane go on that waits for exactly this. Its watermark becomes what its source has kept; whoever follows the
    /// lane begins with it again within about a second.
    pub async fn accept(&self, acceptance: &Acceptance, operator: &Operator) -> Result<(), AcceptError> {
        let Acceptance { name, from, to } = acceptance;
        let mut transaction = self.database.begin().await.map_err(Error::from)?;
        // The watermark first, as everybody does who moves it.
        let found = sqlx::query!(
            r#"SELECT w.input, w.sequence, w.incarnation, h.state AS "state?", h.kept_sequence, h.kept_in
                 FROM messaging.watermarks w LEFT JOIN messaging.held_lanes h USING (input)
                WHERE w.consumer = $1 AND w.topic = $2 AND w.source = $3 AND w.partition = $4
                  FOR UPDATE OF w"#,
            self.consumer,
            name.topic,
            name.source,
            name.partition.cast_signed(),
        )
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(found) = found else {
            let LaneName { topic, partition, source } = name.clone();
            return Err(AcceptError::Unknown { topic, partition, source_name: source });
        };
        let state = in_words(found.state.as_deref());
        if found.state.as_deref() != Some(FORGOTTEN) {
            return Err(AcceptError::NotForgotten { state });
        }
        let as_seen = (found.sequence, found.incarnation) == (from.0, Some(from.1))
            && (found.kept_sequence, found.kept_in) == (Some(to.0), Some(to.1))
            && to.0 < from.0;
        if !as_seen {
            return Err(AcceptError::Changed { sequence: found.sequence, state });
        }
        sqlx::query!(
            "WITH noted AS (
                 INSERT INTO messaging.lane_acceptances (operator, note, consumer, topic, source, partition,
                                from_sequence, from_incarnation, to_sequence, to_incarnation)
                 SELECT $4, $5, consumer, topic, source, partition, sequence, incarnation, $2, $3
                   FROM messaging.watermarks WHERE input = $1),
             freed AS (DELETE FROM messaging.held_lanes WHERE input = $1)
             UPDATE messaging.watermarks SET sequence = $2, incarnation = $3 WHERE input = $1",
            found.input,
            to.0,
            to.1,
            operator.name,
            operator.note,
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await.map_err(Error::from)?;
        Ok(())
    }
}

fn in_words(state: Option<&str>) -> &'static str {
    match state {
        None => "flows",
        Some(MISSING) => "waits for missing messages",
        Some(DOUBT) => "waits for its source to tell its history",
        Some(FORGOTTEN) => "waits for what its source has forgotten to be accepted",
        Some(_) => "has stopped for another reason",
    }
}

/// A lane as stored, with what holds it.
struct Row {
    topic: String,
    partition: i16,
    source: String,
    sequence: i64,
    incarnation: Option<Uuid>,
    state: Option<String>,
    reason: Option<String>,
    first_missing: Option<i64>,
    last_missing: Option<i64>,
    kept_sequence: Option<i64>,
    kept_in: Option<Uuid>,
    held_at: Option<DateTime<Utc>>,
}

impl Row {
    fn lane(self) -> HeardLane {
        let state = match (self.state.as_deref(), self.first_missing.zip(self.last_missing)) {
            (Some(MISSING), Some((first, last))) => HeldState::Missing { first, last },
            (Some(DOUBT), _) => HeldState::Doubt,
            _ => match self.kept_sequence.zip(self.kept_in) {
                Some((kept, incarnation)) => HeldState::Forgotten { kept, incarnation },
                None => HeldState::Stopped,
            },
        };
        let held = self.reason.zip(self.held_at).map(|(reason, since)| HeldLane { state, reason, since });
        let name =
            LaneName { topic: self.topic, partition: self.partition.cast_unsigned(), source: self.source };
        HeardLane { name, sequence: self.sequence, incarnation: self.incarnation, held }
    }
}
