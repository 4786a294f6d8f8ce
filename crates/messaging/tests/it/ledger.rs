//! The smallest handler: it writes down what it applies and says what it is asked to.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use bowline_contracts::partition;
use bowline_contracts::topics::{PARTITIONS, Topic};
use bowline_database::{Database, Fault};
use bowline_messaging::{Batch, ExecuteError, Executed, Handler, Outbox, PartitionWrites};
use uuid::Uuid;

use crate::stage::{SAID, message};

/// The payload of a message that is named as the culprit.
pub(crate) const POISON: &[u8] = b"poison";

/// What a caller may ask for.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// Send a message about this key; the reply is its sequence.
    Say(Uuid),
    /// Something that no database would take.
    Nonsense,
}

/// What a handler is told to do wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script(Arc<Mutex<Faults>>);

#[derive(Debug, Default)]
struct Faults {
    refused: HashSet<Uuid>,
    away: bool,
    answers_to_lose: u32,
    answers_lost: u32,
}

impl Script {
    /// Batches with a message about this key fail as if the database had refused them.
    pub(crate) fn refuse(&self, key: Uuid) {
        self.0.lock().unwrap().refused.insert(key);
    }

    /// What was refused is taken from now on.
    pub(crate) fn forgive(&self) {
        self.0.lock().unwrap().refused.clear();
    }

    /// From now on nothing can be stored, or everything again.
    pub(crate) fn away(&self, away: bool) {
        self.0.lock().unwrap().away = away;
    }

    /// The answer to the next commits does not arrive.
    pub(crate) fn lose_answers(&self, count: u32) {
        self.0.lock().unwrap().answers_to_lose = count;
    }

    pub(crate) fn answers_lost(&self) -> u32 {
        self.0.lock().unwrap().answers_lost
    }

    fn loses_answer(&self) -> bool {
        let mut faults = self.0.lock().unwrap();
        let loses = faults.answers_to_lose > 0;
        if loses {
            faults.answers_to_lose -= 1;
            faults.answers_lost += 1;
        }
        loses
    }
}

pub(crate) struct Ledger {
    database: Database,
    outbox: Outbox,
    topic: &'static Topic,
    writes: PartitionWrites,
    script: Script,
}

impl Ledger {
    pub(crate) fn new(database: Database, outbox: Outbox, topic: &'static Topic, script: Script) -> Self {
        Self { database, outbox, topic, writes: PartitionWrites::default(), script }
    }

    fn check(&self, batch: &Batch<Ask>) -> Result<(), ExecuteError> {
        let refusal = |what: &str| ExecuteError::Other { fault: Fault::Refused, source: what.into() };
        let faults = self.script.0.lock().unwrap();
        if faults.away {
            return Err(ExecuteError::Other { fault: Fault::Unavailable, source: "away".into() });
        }
        if batch.commands.iter().any(|ask| matches!(ask, Ask::Nonsense)) {
            return Err(refusal("nonsense"));
        }
        for (index, message) in batch.messages() {
            if faults.refused.contains(&message.key) {
                return Err(refusal("the database takes offence"));
            }
            if *message.payload == *POISON {
                return Err(ExecuteError::Poison { message: index, reason: "it is poison".into() });
            }
        }
        Ok(())
    }
}

impl Handler for Ledger {
    type Command = Ask;
    type Reply = i64;

    fn concerns(&self, message_type: &str) -> bool {
        message_type == SAID
    }

    async fn execute(&mut self, batch: &Batch<Ask>) -> Result<Executed<i64>, ExecuteError> {
        self.check(batch)?;
        let keys: Vec<Uuid> = batch
            .commands
            .iter()
            .filter_map(|ask| if let Ask::Say(key) = ask { Some(*key) } else { None })
            .collect();
        let mut partitions: Vec<u16> = keys.iter().map(|key| partition::of_key(*key, PARTITIONS)).collect();
        partitions.extend(batch.messages().map(|(_, message)| message.partition));
        partitions.sort_unstable();
        partitions.dedup();

        let mut transaction = self.database.begin().await?;
        let admission = batch.admit(&mut transaction, &mut self.writes, &partitions).await?;
        for (_, message) in batch.admitted(&admission) {
            sqlx::query("INSERT INTO it.applied (partition, source, sequence, key) VALUES ($1, $2, $3, $4)")
                .bind(message.partition.cast_signed())
                .bind(&message.envelope.source)
                .bind(message.envelope.sequence)
                .bind(message.key)
                .execute(&mut *transaction)
                .await?;
        }
        let messages = keys.iter().map(|key| message(self.topic, *key)).collect();
        let sent = batch.finish(&mut transaction, &admission, &self.outbox, messages).await?;
        transaction.commit().await?;
        if self.script.loses_answer() {
            let source = "the answer to COMMIT was lost".into();
            return Err(ExecuteError::Other { fault: Fault::Unavailable, source });
        }
        self.writes.confirm();
        let replies = sent.iter().map(|sequenced| sequenced.sequence).collect();
        Ok(Executed { replies, sent, admission })
    }

    fn discard(&mut self) {
        self.writes.discard();
    }
}
