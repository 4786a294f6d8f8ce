//! What one transaction works on: commands of callers and messages of lanes.

use std::collections::{BTreeMap, HashSet};

use sqlx::PgConnection;
use uuid::Uuid;

use crate::inbox::{Incoming, InputId};
use crate::{Error, Sequenced};

/// Commands and messages that are executed in one transaction.
///
/// A service's transaction calls, in this order: its idempotency claims, its partition locks, [`Batch::admit`], its own
/// work on [`Batch::commands`] and the admitted messages, [`Batch::advance`], [`crate::Outbox::append`], commit.
#[derive(Debug)]
pub struct Batch<C> {
    /// What callers asked for, in order of arrival.
    pub commands: Vec<C>,
    /// What lanes brought: in order within each lane.
    pub(crate) messages: Vec<Incoming>,
    pub(crate) steps: Vec<Step>,
    pub(crate) positions: Vec<PositionStep>,
}

/// How far a lane advances with a batch.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) input: InputId,
    pub(crate) from: i64,
    pub(crate) to: i64,
    pub(crate) incarnation: Uuid,
}

/// Where reading goes on after a batch, and the lanes that this depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PositionStep {
    pub(crate) position: i32,
    pub(crate) next_offset: i64,
    pub(crate) inputs: Vec<InputId>,
}

/// Which lanes of a batch may be applied.
#[derive(Debug)]
pub struct Admission {
    left_out: HashSet<InputId>,
}

/// What a batch has led to, after its commit.
#[derive(Debug)]
pub struct Executed<R> {
    /// One reply per command, in order.
    pub replies: Vec<R>,
    /// What is to be published.
    pub sent: Vec<Sequenced>,
    /// The lanes that were applied.
    pub admission: Admission,
}

impl<C> Batch<C> {
    /// A batch of commands alone, for callers that execute without lanes (tests, imports).
    pub fn of_commands(commands: Vec<C>) -> Self {
        Self { commands, messages: Vec::new(), steps: Vec::new(), positions: Vec::new() }
    }

    /// A batch of messages of lanes that continue behind `from`, for executing without Kafka (tests, replays). The
    /// messages of one lane must be consecutive, and the lane registered for `consumer`.
    pub async fn of_messages(
        connection: &mut PgConnection,
        consumer: &str,
        mut messages: Vec<Incoming>,
    ) -> Result<Self, Error> {
        let mut steps: BTreeMap<InputId, Step> = BTreeMap::new();
        for message in &mut messages {
            let row = sqlx::query!(
                "SELECT input, sequence FROM messaging.watermarks
                  WHERE consumer = $1 AND topic = $2 AND source = $3 AND partition = $4",
                consumer,
                message.topic.name,
                message.envelope.source,
                message.partition.cast_signed(),
            )
            .fetch_one(&mut *connection)
            .await?;
            message.input = row.input;
            let first = Step {
                input: row.input,
                from: row.sequence,
                to: row.sequence,
                incarnation: message.envelope.incarnation,
            };
            let step = steps.entry(row.input).or_insert(first);
            step.to += 1;
            message.envelope.sequence = step.to;
        }
        Ok(Self {
            commands: Vec::new(),
            messages,
            steps: steps.into_values().collect(),
            positions: Vec::new(),
        })
    }

    /// Every message of the batch with its index, admitted or not; for locking what they touch.
    pub fn messages(&self) -> impl Iterator<Item = (usize, &Incoming)> {
        self.messages.iter().enumerate()
    }

    /// Locks the watermarks of the batch's lanes, in order, and compares them with what the batch continues. A lane
    /// that somebody else has advanced is left out: its messages must not be applied.
    pub async fn admit(&self, connection: &mut PgConnection) -> Result<Admission, Error> {
        let mut left_out = HashSet::new();
        if !self.steps.is_empty() {
            let inputs: Vec<InputId> = self.steps.iter().map(|step| step.input).collect();
            let rows = sqlx::query!(
                "SELECT input, sequence FROM messaging.watermarks WHERE input = ANY($1::int4[])
                  ORDER BY input FOR UPDATE",
                &inputs,
            )
            .fetch_all(connection)
            .await?;
            for step in &self.steps {
                let found = rows.iter().find(|row| row.input == step.input).map(|row| row.sequence);
                if found != Some(step.from) {
                    tracing::info!(
                        input = step.input,
                        expected = step.from,
                        ?found,
                        "lane advanced elsewhere"
                    );
                    left_out.insert(step.input);
                }
            }
        }
        Ok(Admission { left_out })
    }

    /// The messages that may be applied, each with its index in the batch.
    pub fn admitted<'a>(&'a self, admission: &'a Admission) -> impl Iterator<Item = (usize, &'a Incoming)> {
        self.messages().filter(|(_, message)| admission.allows(message.input))
    }

    /// Advances the watermarks of the admitted lanes and the reading positions. The lanes are locked since
    /// [`Batch::admit`].
    pub async fn advance(&self, connection: &mut PgConnection, admission: &Admission) -> Result<(), Error> {
        let steps: Vec<&Step> = self.steps.iter().filter(|step| admission.allows(step.input)).collect();
        let positions: Vec<&PositionStep> = self
            .positions
            .iter()
            .filter(|position| position.inputs.iter().all(|input| admission.allows(*input)))
            .collect();
        if steps.is_empty() && positions.is_empty() {
            return Ok(());
        }
        let answer = sqlx::query!(
            r#"WITH moved AS (
                 UPDATE messaging.watermarks w SET sequence = v.sequence, incarnation = v.incarnation
                   FROM unnest($1::int4[], $2::int8[], $3::uuid[]) v(input, sequence, incarnation)
                  WHERE w.input = v.input RETURNING 1),
             placed AS (
                 UPDATE messaging.positions p SET next_offset = v.next_offset
                   FROM unnest($4::int4[], $5::int8[]) v(position, next_offset)
                  WHERE p.position = v.position)
             SELECT count(*) AS "moved!" FROM moved"#,
            &steps.iter().map(|step| step.input).collect::<Vec<_>>(),
            &steps.iter().map(|step| step.to).collect::<Vec<_>>(),
            &steps.iter().map(|step| step.incarnation).collect::<Vec<_>>(),
            &positions.iter().map(|position| position.position).collect::<Vec<_>>(),
            &positions.iter().map(|position| position.next_offset).collect::<Vec<_>>(),
        )
        .fetch_one(connection)
        .await?;
        if usize::try_from(answer.moved) != Ok(steps.len()) {
            return Err(Error::Swallowed { expected: steps.len(), written: answer.moved });
        }
        Ok(())
    }
}

impl Admission {
    /// True if messages of this lane may be applied.
    pub fn allows(&self, input: InputId) -> bool {
        !self.left_out.contains(&input)
    }

    /// True if no lane was left out.
    pub(crate) fn is_complete(&self) -> bool {
        self.left_out.is_empty()
    }
}
