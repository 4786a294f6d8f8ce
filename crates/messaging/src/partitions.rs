//! Who has written to a partition since we last did.

use std::collections::HashMap;

use sqlx::PgConnection;

use crate::Error;

/// Locks the partitions of a batch and tells which of them somebody else has written to.
///
/// Every writing transaction locks the rows of the partitions that it touches, in order, and adds one to each. While
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

    /// Locks `partitions` (ascending, without repetition) until the transaction ends. Returns those that another
    /// process has written to since this one last did: what is cached for them must be dropped.
    pub async fn lock(
        &mut self,
        connection: &mut PgConnection,
        partitions: &[u16],
    ) -> Result<Vec<u16>, Error> {
        self.staged.clear();
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let wanted: Vec<i16> = partitions.iter().copied().map(u16::cast_signed).collect();
        let rows = sqlx::query!(
            "WITH locked AS MATERIALIZED (
                 SELECT partition FROM messaging.partitions WHERE partition = ANY($1::int2[])
                  ORDER BY partition FOR UPDATE)
             UPDATE messaging.partitions p SET writes = p.writes + 1 FROM locked l WHERE p.partition = l.partition
             RETURNING p.partition, p.writes",
            &wanted,
        )
        .fetch_all(connection)
        .await?;
        self.staged = rows.into_iter().map(|row| (row.partition.cast_unsigned(), row.writes)).collect();
        for partition in partitions {
            if !self.staged.iter().any(|(found, _)| found == partition) {
                return Err(Error::MissingPartition(*partition));
            }
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
