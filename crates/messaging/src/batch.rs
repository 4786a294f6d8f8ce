//! What one transaction works on: commands of callers and messages of lanes.

use std::collections::{BTreeMap, HashMap, HashSet};

use bowline_fault_points::{Point, Sabotage, is_broken, reached};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;
use crate::applied_ranges;
use crate::inbox::{Incoming, InputId};
use crate::outbox::{Outbox, Outgoing, Sequenced};
use crate::parking::{Letter, Parked, Parking};
use crate::partitions::PartitionWrites;

/// Commands and messages that are executed in one transaction.
///
/// A service's transaction calls, in this order: its idempotency claims, [`Batch::admit`], its own work on
/// [`Batch::commands`] and the admitted messages, [`Batch::finish`], commit.
#[derive(Debug)]
pub struct Batch<C> {
    /// What callers asked for, in order of arrival.
    pub commands: Vec<C>,
    /// What lanes brought: in order within each lane.
    pub(crate) messages: Vec<Incoming>,
    /// Those of them, by index, that are parked instead of applied, and why; see [`Parked`].
    pub(crate) parked: BTreeMap<usize, Option<String>>,
    pub(crate) steps: Vec<Step>,
    pub(crate) positions: Vec<PositionStep>,
    pub(crate) queues: Option<Queues>,
    /// Whether it is written down what is applied; see [`applied_ranges`].
    pub(crate) records_applied: bool,
}

/// The queues of parked keys, and what a batch takes out of them.
#[derive(Debug)]
pub(crate) struct Queues {
    pub(crate) parking: Parking,
    /// Where the batch's messages were taken from, when it tries parked ones again.
    pub(crate) letters: Vec<Letter>,
}

/// How far a lane advances with a batch.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) input: InputId,
    pub(crate) from: i64,
    /// The history of the last message applied before; `None` if there is none.
    pub(crate) from_incarnation: Option<Uuid>,
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
    foreign: Vec<u16>,
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
        Self::of(commands, Vec::new(), Vec::new())
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
                "SELECT input, sequence, incarnation FROM messaging.watermarks
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
                from_incarnation: row.incarnation,
                to: row.sequence,
                incarnation: message.envelope.incarnation,
            };
            let step = steps.entry(row.input).or_insert(first);
            step.to += 1;
            message.envelope.sequence = step.to;
        }
        Ok(Self::of(Vec::new(), messages, steps.into_values().collect()))
    }

    /// A batch that parks nothing and moves no position.
    pub(crate) fn of(commands: Vec<C>, messages: Vec<Incoming>, steps: Vec<Step>) -> Self {
        Self {
            commands,
            messages,
            parked: BTreeMap::new(),
            steps,
            positions: Vec::new(),
            queues: None,
            records_applied: false,
        }
    }

    /// Every message of the batch that is to be applied with its index, admitted or not; for locking what they touch.
    pub fn messages(&self) -> impl Iterator<Item = (usize, &Incoming)> {
        self.messages.iter().enumerate().filter(|(index, _)| !self.parked.contains_key(index))
    }

    /// The messages that are parked instead, in order, of the lanes that were admitted.
    pub(crate) fn parked<'a>(&'a self, admission: &'a Admission) -> impl Iterator<Item = Parked<'a>> {
        let parked = self
            .parked
            .iter()
            .map(|(index, reason)| Parked { message: &self.messages[*index], reason: reason.as_deref() });
        parked.filter(|parked| admission.allows(parked.message.input))
    }

    /// Locks `partitions` (ascending, without repetition) and the watermarks of the batch's lanes, in this order, until
    /// the transaction ends, in one statement. A lane that somebody else has advanced is left out: its messages must
    /// not be applied. `writes` tells the partitions that another process has written to since this one last did: what
    /// is cached for them must be dropped. A service that keeps nothing from batch to batch, and lets several replicas
    /// write, names no partitions.
    pub async fn admit(
        &self,
        connection: &mut PgConnection,
        writes: &mut PartitionWrites,
        partitions: &[u16],
    ) -> Result<Admission, Error> {
        let wanted: Vec<i16> = partitions.iter().copied().map(u16::cast_signed).collect();
        let inputs: Vec<InputId> = self.steps.iter().map(|step| step.input).collect();
        let mut locked = Vec::with_capacity(partitions.len());
        let mut marks = HashMap::with_capacity(inputs.len());
        if !(wanted.is_empty() && inputs.is_empty()) {
            let rows = sqlx::query!(
                r#"WITH locked AS MATERIALIZED (
                     SELECT partition FROM messaging.partitions WHERE partition = ANY($1::int2[])
                      ORDER BY partition FOR UPDATE),
                 written AS (
                     UPDATE messaging.partitions p SET writes = p.writes + 1 FROM locked l
                      WHERE p.partition = l.partition RETURNING p.partition, p.writes),
                 marks AS MATERIALIZED (
                     -- The count makes the watermarks wait until the partitions are locked.
                     SELECT input, sequence, incarnation FROM messaging.watermarks
                      WHERE input = ANY($2::int4[]) AND (SELECT count(*) FROM locked) >= 0
                      ORDER BY input FOR UPDATE)
                 SELECT partition::int4 AS "id!", writes AS "number!", NULL::uuid AS incarnation,
                        true AS "is_partition!" FROM written
                 UNION ALL
                 SELECT input, sequence, incarnation, false FROM marks"#,
                &wanted,
                &inputs,
            )
            .fetch_all(connection)
            .await?;
            for row in rows {
                if row.is_partition {
                    locked.push((u16::try_from(row.id).expect("was a partition when asked for"), row.number));
                } else {
                    marks.insert(row.id, (row.number, row.incarnation));
                }
            }
        }
        let foreign = writes.stage(partitions, locked)?;
        let mut left_out = HashSet::new();
        for step in &self.steps {
            let found = marks.get(&step.input).copied();
            // The history too: behind a failover the same sequence stands for another message.
            if found != Some((step.from, step.from_incarnation)) && !applies_anything() {
                tracing::info!(input = step.input, expected = step.from, ?found, "lane advanced elsewhere");
                left_out.insert(step.input);
            }
        }
        reached(Point::MidBatch);
        Ok(Admission { left_out, foreign })
    }

    /// The messages that may be applied, each with its index in the batch.
    pub fn admitted<'a>(&'a self, admission: &'a Admission) -> impl Iterator<Item = (usize, &'a Incoming)> {
        self.messages().filter(|(_, message)| admission.allows(message.input))
    }

    /// Parks what is to be parked, advances the watermarks of the admitted lanes and the reading positions, takes the
    /// next sequences of the lanes that `messages` go to and writes them there, as [`Outbox::append`] does.
    pub async fn finish(
        &self,
        connection: &mut PgConnection,
        admission: &Admission,
        outbox: &Outbox,
        messages: Vec<Outgoing>,
    ) -> Result<Vec<Sequenced>, Error> {
        if let Some(Queues { parking, letters }) = &self.queues {
            parking.park(connection, &self.parked(admission).collect::<Vec<_>>()).await?;
            parking.take_out(connection, letters).await?;
        }
        if self.records_applied {
            let applied = self.messages.iter().filter(|message| admission.allows(message.input));
            applied_ranges::record(connection, applied).await?;
        }
        let steps = self.steps.iter().filter(|step| admission.allows(step.input));
        let positions = self
            .positions
            .iter()
            .filter(|position| position.inputs.iter().all(|input| admission.allows(*input)));
        outbox.write(connection, &Advances::of(steps, positions), messages).await
    }
}

/// Whether a proof has the look at sequences left out.
pub(crate) fn applies_anything() -> bool {
    is_broken(Sabotage::SkipWatermark) || is_broken(Sabotage::SkipOwnership)
}

/// The columns of what advances with a batch.
#[derive(Debug, Default)]
pub(crate) struct Advances {
    pub(crate) inputs: Vec<InputId>,
    pub(crate) sequences: Vec<i64>,
    pub(crate) incarnations: Vec<Uuid>,
    pub(crate) positions: Vec<i32>,
    pub(crate) next_offsets: Vec<i64>,
}

impl Advances {
    fn of<'a>(
        steps: impl Iterator<Item = &'a Step>,
        positions: impl Iterator<Item = &'a PositionStep>,
    ) -> Self {
        let mut advances = Self::default();
        for step in steps {
            advances.inputs.push(step.input);
            advances.sequences.push(step.to);
            advances.incarnations.push(step.incarnation);
        }
        for position in positions {
            advances.positions.push(position.position);
            advances.next_offsets.push(position.next_offset);
        }
        advances
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.positions.is_empty()
    }
}

impl Admission {
    /// True if messages of this lane may be applied.
    pub fn allows(&self, input: InputId) -> bool {
        !self.left_out.contains(&input)
    }

    /// The partitions that another process has written to since this one last did.
    pub fn foreign(&self) -> &[u16] {
        &self.foreign
    }

    /// True if no lane was left out.
    pub(crate) fn is_complete(&self) -> bool {
        self.left_out.is_empty()
    }
}
