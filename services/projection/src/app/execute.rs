//! The one transaction of this service.

use std::convert::Infallible;

use bowline_database::Database;
use bowline_messaging::{Batch, ExecuteError, Executed, Handler, Outbox, PartitionWrites};

use super::fold::Folded;
use super::reactions;
use super::watches::Watches;
use crate::infra::{order_views, timeline};

/// Folds the messages of lanes into the read model.
#[derive(Debug)]
pub struct Projector {
    database: Database,
    outbox: Outbox,
    watches: Watches,
}

impl Projector {
    /// Writes to `database`, which has the settings of the hot path, and tells `watches` what has changed. `outbox` has
    /// no lanes.
    pub fn new(database: Database, outbox: Outbox, watches: Watches) -> Self {
        Self { database, outbox, watches }
    }
}

impl Handler for Projector {
    /// Nobody asks the read model to do anything.
    type Command = Infallible;
    type Reply = Infallible;

    fn concerns(&self, message_type: &str) -> bool {
        reactions::concerns(message_type)
    }

    async fn execute(&mut self, batch: &Batch<Infallible>) -> Result<Executed<Infallible>, ExecuteError> {
        let mut transaction = self.database.begin().await?;
        let admission = batch.admit(&mut transaction, &mut PartitionWrites::default(), &[]).await?;
        let folded = Folded::of(batch.admitted(&admission))?;
        order_views::write(&mut transaction, &folded.orders).await?;
        timeline::insert(&mut transaction, &folded.timeline).await?;
        let sent = batch.finish(&mut transaction, &admission, &self.outbox, Vec::new()).await?;
        transaction.commit().await?;
        self.watches.committed(folded.orders.iter().map(|(order, _)| *order));
        Ok(Executed { replies: Vec::new(), sent, admission })
    }

    /// Nothing is kept from batch to batch.
    fn discard(&mut self) {}
}
