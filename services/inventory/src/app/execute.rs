//! The one transaction of this service.

use std::mem;

use bowline_idempotency::{Request, claim, release, store};
use bowline_messaging::{Batch, ExecuteError, Executed, Handler};

use super::commands::{self, Settled};
use super::reactions::{self, Reaction};
use super::working_set::WorkingSet;
use super::{Command, Inventory, Reply, publish};
use crate::infra;

impl Handler for Inventory {
    type Command = Command;
    type Reply = Reply;

    fn concerns(&self, message_type: &str) -> bool {
        reactions::concerns(message_type)
    }

    /// Locks in the order that all services keep, each kind sorted: request keys, partitions, watermarks, products,
    /// levels, lane heads. Reservations are covered by their partitions. Nothing is cached from batch to batch, because
    /// other replicas write the same levels.
    async fn execute(&mut self, batch: &Batch<Command>) -> Result<Executed<Reply>, ExecuteError> {
        let now = self.clock.now();
        let reactions = reactions::read(batch)?;
        let requests: Vec<Request> = batch.commands.iter().map(|command| command.request).collect();

        let mut transaction = self.database.begin().await?;
        let claims = claim(&mut transaction, &requests, now).await.map_err(of_keys)?;
        let admission = batch.admit(&mut transaction, &mut self.partitions, &partitions(&reactions)).await?;
        let reactions: Vec<Reaction<'_>> =
            reactions.into_iter().filter(|reaction| admission.allows(reaction.incoming.input)).collect();
        let fresh = commands::fresh(batch, &claims);
        let mut work = WorkingSet::load(&mut transaction, &fresh, &reactions, now).await?;

        let Settled { replies, answers, given_back } =
            commands::settle(&batch.commands, &claims, &mut work, &*self.ids);
        for reaction in reactions {
            if let Some(fact) = work.react(&reaction, &*self.ids)? {
                work.outgoing.push(publish::message(reaction, fact, self.ids.next_id(), now));
            }
        }

        let outgoing = mem::take(&mut work.outgoing);
        infra::write(&mut transaction, &work.into_writes(), now).await?;
        store(&mut transaction, &answers).await.map_err(of_keys)?;
        release(&mut transaction, &given_back).await.map_err(of_keys)?;
        let sent = batch.finish(&mut transaction, &admission, &self.outbox, outgoing).await?;
        transaction.commit().await?;
        self.partitions.confirm();
        Ok(Executed { replies, sent, admission })
    }

    fn discard(&mut self) {
        self.partitions.discard();
    }
}

/// The partitions of the orders that the batch is about, ascending.
fn partitions(reactions: &[Reaction<'_>]) -> Vec<u16> {
    let mut partitions: Vec<u16> = reactions.iter().map(|reaction| reaction.incoming.partition).collect();
    partitions.sort_unstable();
    partitions.dedup();
    partitions
}

fn of_keys(error: bowline_idempotency::Error) -> ExecuteError {
    match error {
        bowline_idempotency::Error::Database(error) => error.into(),
        error => ExecuteError::Other { fault: error.fault(), source: error.into() },
    }
}
