//! Who has written to a partition since we last did.

use std::collections::HashMap;

use sqlx::PgConnection;

use crate::Error;

/// Tells which partitions of a batch somebody else has written to.
///
/// Every writing transaction locks the rows of the partitions that it touches ([`crate::Batch::admit`]), in order, and
/// adds one to each. While
/// the number is the one this process left there, what it has cached for the partition is true.
#[derive(Debug, Default)]
pub struct PartitionWrites {
    known: HashMap<u16, i64>,
    staged: Vec<(u16, i64)>,
}

impl PartitionWrites {
    /// Registers `partitions` rows; registering again changes nothing.
    pub async fn register(connection: &mut PgConnection, partitions: u16) -> Result<(), Error> {
        let partitions: Vec<i16> = (0..partitions).map(u16::cast_signed).collect();
        sqlx::query!(
            "WITH leases AS (
                 INSERT INTO messaging.leases (partition) SELECT unnest($1::int2[]) ON CONFLICT DO NOTHING)
             INSERT INTO messaging.partitions (partition) SELECT unnest($1::int2[]) ON CONFLICT DO NOTHING",
            &partitions,
        )
        .execute(connection)
        .await?;
        Ok(())
    }

    /// Takes in what the transaction has locked of `partitions`. Returns those that another process has written to.
    pub(crate) fn stage(&mut self, partitions: &[u16], locked: Vec<(u16, i64)>) -> Result<Vec<u16>, Error> {
        self.staged = locked;
        let staged = |partition: &&u16| self.staged.iter().any(|(found, _)| found == *partition);
        if let Some(missing) = partitions.iter().find(|partition| !staged(partition)) {
            return Err(Error::MissingPartition(*missing));
        }
        let foreign = |(partition, writes): &(u16, i64)| self.known.get(partition) != Some(&(writes - 1));
        Ok(self.staged.iter().filter(|row| foreign(row)).map(|(partition, _)| *partition).collect())
    }

    /// The transaction has committed.
    pub fn confirm(&mut self) {
        self.known.extend(self.staged.drain(..));
    }

    /// The transaction has failed, or its outcome is unknown.
    pub fn discard(&mut self) {
        for (partition, _) in self.staged.drain(..) {
            self.known.remove(&partition);
        }
    }
}
