//! The history in which sequences are given.

use bowline_kernel::IdSource;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;

/// Makes sure that the current incarnation belongs to the database as it is now, and returns it.
///
/// The first start records the root. When the cluster's identifier or timeline differ from those of the current
/// incarnation (a standby was promoted, a backup restored), a child is recorded that starts behind the last sequence
/// of every lane, and what was noted as published beyond it is noted no more. Runs in the caller's transaction; concurrent callers wait for each other and agree.
pub async fn ensure(connection: &mut PgConnection, ids: &dyn IdSource) -> Result<Uuid, Error> {
    // Serialises the callers of this function, and nobody else.
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('messaging.incarnations', 0))")
        .execute(&mut *connection)
        .await?;
    match current(&mut *connection).await? {
        Some(current) if current.is_of_this_timeline => Ok(current.incarnation),
        other => record(connection, ids.next_id(), other.map(|current| current.incarnation)).await,
    }
}

/// The incarnation that was recorded last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Current {
    pub(crate) incarnation: Uuid,
    /// Whether it was recorded for the database as it is now. A standby has no timeline that is its own.
    pub(crate) is_of_this_timeline: bool,
}

/// The incarnation that was recorded last; `None` before the first start.
pub(crate) async fn current(connection: &mut PgConnection) -> Result<Option<Current>, Error> {
    let current = sqlx::query_as!(
        Current,
        r#"SELECT i.incarnation, i.system_identifier = c.system_identifier AND i.timeline = c.timeline
                  AND NOT pg_is_in_recovery() AS "is_of_this_timeline!"
             FROM messaging.current_incarnation JOIN messaging.incarnations i USING (incarnation),
                  (SELECT (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
                          CASE WHEN pg_is_in_recovery() THEN 0
                               ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
                          END AS timeline) c"#
    )
    .fetch_optional(connection)
    .await?;
    Ok(current)
}

async fn record(
    connection: &mut PgConnection,
    incarnation: Uuid,
    parent: Option<Uuid>,
) -> Result<Uuid, Error> {
    sqlx::query!(
        "WITH recorded AS (
             INSERT INTO messaging.incarnations (incarnation, parent, system_identifier, timeline)
             SELECT $1, $2, (SELECT system_identifier FROM pg_control_system()),
                    ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
             RETURNING incarnation),
         started AS (
             INSERT INTO messaging.incarnation_starts (incarnation, lane, last_sequence)
             SELECT r.incarnation, h.lane, h.next_sequence - 1 FROM recorded r, messaging.lane_heads h),
         noted AS (
             -- What was published beyond the head belongs to a history that is forgotten: its sequences are used again.
             UPDATE messaging.published p SET sequence = h.next_sequence - 1 FROM messaging.lane_heads h
              WHERE h.lane = p.lane AND p.sequence >= h.next_sequence)
         INSERT INTO messaging.current_incarnation (incarnation) SELECT incarnation FROM recorded
         ON CONFLICT (only_row) DO UPDATE SET incarnation = excluded.incarnation",
        incarnation,
        parent,
    )
    .execute(connection)
    .await?;
    tracing::info!(%incarnation, ?parent, "incarnation recorded");
    Ok(incarnation)
}
