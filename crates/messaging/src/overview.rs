//! What the database of a service says of the lanes that it sends on and of who works on them, for operators and metrics.

use std::time::Duration;

use bowline_contracts::topics::PARTITIONS;
use bowline_database::Database;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;

/// Reads the database of one service, for its operators, on any replica.
#[derive(Debug, Clone)]
pub struct Overview {
    database: Database,
}

/// How far a lane has come that the service sends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentLane {
    /// The topic, without the namespace of a deployment.
    pub topic: String,
    /// The partition.
    pub partition: u16,
    /// The last sequence that was given out.
    pub head: i64,
    /// The last sequence that Kafka is known to have; noted lazily.
    pub published: i64,
    /// How old the first message behind it is; `None` if there is none.
    pub oldest_unpublished: Option<Duration>,
}

/// Who works on a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionLease {
    /// The partition.
    pub partition: u16,
    /// How often the lease has changed hands.
    pub epoch: i64,
    /// Who holds it; `None` if nobody does.
    pub holder: Option<LeaseHolder>,
}

/// The holder of a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHolder {
    /// Its process.
    pub member: Uuid,
    /// Where it takes calls; empty if it does not say.
    pub address: String,
    /// When the lease ends unless it is renewed.
    pub expires_at: DateTime<Utc>,
}

impl Overview {
    /// Reads on these connections.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Every lane that is sent on, in order of topic and partition.
    pub async fn sent_lanes(&self) -> Result<Vec<SentLane>, Error> {
        let all: Vec<i16> = (0..PARTITIONS).map(u16::cast_signed).collect();
        sent_lanes(&mut *self.database.acquire().await?, &all).await
    }

    /// Who works on which partition, in order of partition.
    pub async fn leases(&self) -> Result<Vec<PartitionLease>, Error> {
        let rows = sqlx::query!(
            r#"SELECT partition, epoch, expires_at > clock_timestamp() AS "held!", holder, address, expires_at
                 FROM messaging.leases ORDER BY partition"#
        )
        .fetch_all(&mut *self.database.acquire().await?)
        .await?;
        let leases = rows.into_iter().map(|row| PartitionLease {
            partition: row.partition.cast_unsigned(),
            epoch: row.epoch,
            holder: row.holder.filter(|_| row.held).map(|member| LeaseHolder {
                member,
                address: row.address.unwrap_or_default(),
                expires_at: row.expires_at,
            }),
        });
        Ok(leases.collect())
    }
}

impl SentLane {
    /// How many messages are committed and not noted as published.
    pub fn unpublished(&self) -> u64 {
        u64::try_from(self.head - self.published).unwrap_or(0)
    }
}

/// The lanes that are sent on in these partitions, in order of topic and partition.
pub(crate) async fn sent_lanes(
    connection: &mut PgConnection,
    partitions: &[i16],
) -> Result<Vec<SentLane>, Error> {
    // The first unpublished message of a lane is found by its key; most lanes have none.
    let rows = sqlx::query!(
        r#"SELECT l.topic, l.partition, h.next_sequence - 1 AS "head!", p.sequence AS published,
                  extract(epoch FROM clock_timestamp() - first.happened_at)::float8 AS age
             FROM messaging.lanes l
             JOIN messaging.lane_heads h USING (lane)
             JOIN messaging.published p USING (lane)
             LEFT JOIN messaging.outbox first
               ON first.slot IN (0, 1, 2) AND first.lane = l.lane AND first.sequence = p.sequence + 1
            WHERE l.partition = ANY($1::int2[])
            ORDER BY l.topic, l.partition"#,
        partitions
    )
    .fetch_all(connection)
    .await?;
    let lanes = rows.into_iter().map(|row| SentLane {
        topic: row.topic,
        partition: row.partition.cast_unsigned(),
        head: row.head,
        published: row.published,
        // Clocks may differ: what has not happened yet has just happened.
        oldest_unpublished: row.age.map(|age| Duration::try_from_secs_f64(age).unwrap_or_default()),
    });
    Ok(lanes.collect())
}
