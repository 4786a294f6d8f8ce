//! What readers may ask: one file per question.

mod get_order;
pub(crate) mod list_orders;
mod order_timeline;

use bowline_database::{Connection, Database};

use crate::infra::row::ReadError;

/// Answers from the rows of the read model. Clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Queries {
    reads: Database,
}

impl Queries {
    /// Reads through `reads`.
    pub(crate) fn new(reads: Database) -> Self {
        Self { reads }
    }

    async fn connection(&self) -> Result<Connection, ReadError> {
        Ok(self.reads.acquire().await?)
    }
}
