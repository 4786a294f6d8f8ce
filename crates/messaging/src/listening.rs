//! Services that nobody commands: what they hear is folded into tables of their own.

use std::convert::Infallible;

use bowline_database::Database;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Batch, ExecuteError, Executed, Handler, Incoming, Outbox, PartitionWrites};

/// What a service makes of the messages that it hears, and writes down.
pub trait Listener: Send + 'static {
    /// What one message leads to.
    type Effect: Send;

    /// True if the service does something about messages of this type. The others only move their watermark.
    fn concerns(&self, message_type: &str) -> bool;

    /// What a message leads to; `None` for a type that only a newer build knows. The error says, for an operator, why
    /// the message can never be applied; it is parked.
    fn read(&self, message: &Incoming) -> Result<Option<Self::Effect>, String>;

    /// Writes effects, each with the key of its message and in order within each lane, in the transaction of their
    /// watermarks, which is committed behind this. Everyone locks rows in ascending order.
    fn write(
        &mut self,
        connection: &mut PgConnection,
        effects: Vec<(Uuid, Self::Effect)>,
    ) -> impl Future<Output = Result<(), ExecuteError>> + Send;

    /// What was written about these keys is committed.
    fn committed(&mut self, _keys: &[Uuid]) {}
}

/// The one transaction of a service that only listens.
#[derive(Debug)]
pub struct Listening<L> {
    listener: L,
    database: Database,
    outbox: Outbox,
}

impl<L> Listening<L> {
    /// Writes to `database`, which has the settings of the hot path. `outbox` has no lanes.
    pub fn new(listener: L, database: Database, outbox: Outbox) -> Self {
        Self { listener, database, outbox }
    }
}

impl<L: Listener> Handler for Listening<L> {
    type Command = Infallible;
    type Reply = Infallible;

    fn concerns(&self, message_type: &str) -> bool {
        self.listener.concerns(message_type)
    }

    async fn execute(&mut self, batch: &Batch<Infallible>) -> Result<Executed<Infallible>, ExecuteError> {
        let mut transaction = self.database.begin().await?;
        let admission = batch.admit(&mut transaction, &mut PartitionWrites::default(), &[]).await?;
        let mut effects = Vec::new();
        for (index, message) in batch.admitted(&admission) {
            let effect = self.listener.read(message);
            let effect = effect.map_err(|reason| ExecuteError::Poison { message: index, reason })?;
            effects.extend(effect.map(|effect| (message.key, effect)));
        }
        let keys: Vec<Uuid> = effects.iter().map(|(key, _)| *key).collect();
        if !effects.is_empty() {
            self.listener.write(&mut transaction, effects).await?;
        }
        let sent = batch.finish(&mut transaction, &admission, &self.outbox, Vec::new()).await?;
        transaction.commit().await?;
        self.listener.committed(&keys);
        Ok(Executed { replies: Vec::new(), sent, admission })
    }

    /// Nothing is kept from batch to batch.
    fn discard(&mut self) {}
}
