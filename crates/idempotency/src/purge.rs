//! Forgetting keys past their retention.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::Error;

/// How far the housekeeping has come through the table; begins at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sweep {
    next_page: u32,
}

/// What one step of a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    /// Keys forgotten.
    pub keys: u64,
    /// Whether the step reached the end of the table; the next one begins at its start.
    pub finished: bool,
}

/// Forgets the keys recorded before `before` that lie on the next `pages` pages of the table, in one statement.
///
/// The table is read in its physical order, each page once in a sweep, so that no index is needed and a step takes
/// bounded time however large the table is. A caller sweeps from time to time, one transaction a step, and chooses
/// `before` at least as far back as callers may repeat a request (24 hours). A key that moves to an earlier page while
/// a sweep is under way is forgotten by the next sweep.
pub async fn purge(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    sweep: &mut Sweep,
    pages: u32,
) -> Result<Purged, Error> {
    let end = sweep.next_page.saturating_add(pages.max(1));
    let row = sqlx::query!(
        r#"WITH purged AS (
               DELETE FROM idempotency.keys
                -- A range of row addresses is read as such: these pages and no others.
                WHERE ctid >= $1::text::tid AND ctid < $2::text::tid AND recorded_at < $3 RETURNING 1)
           SELECT (SELECT count(*) FROM purged) AS "keys!",
                  pg_relation_size('idempotency.keys') / current_setting('block_size')::bigint AS "pages!""#,
        format!("({},0)", sweep.next_page),
        format!("({end},0)"),
        before,
    )
    .fetch_one(connection)
    .await?;
    let finished = i64::from(end) >= row.pages;
    sweep.next_page = if finished { 0 } else { end };
    Ok(Purged { keys: row.keys.cast_unsigned(), finished })
}
