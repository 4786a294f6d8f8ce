//! Rows of timelines.

use bowline_kernel::{EventId, OrderId};
use bowline_messaging::ExecuteError;
use bowline_projection_domain::TimelineEntry;
use sqlx::PgConnection;

use super::row::{ReadError, Reader};

/// Adds entries. An event that is there already is left as it is.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    entries: &[(OrderId, TimelineEntry)],
) -> Result<(), ExecuteError> {
    if entries.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO projection.timeline
             (order_id, event_id, source, event_type, causation_id, event_time, summary, compensation, attempts)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::timestamptz[],
                              $7::text[], $8::bool[], $9::int8[])
         ON CONFLICT DO NOTHING",
        &entries.iter().map(|(order, _)| order.uuid()).collect::<Vec<_>>(),
        &column(entries, |entry| entry.event_id.uuid()),
        &column(entries, |entry| entry.source.as_str()) as _,
        &column(entries, |entry| entry.event_type.as_str()) as _,
        &column(entries, |entry| entry.causation_id.map(EventId::uuid)) as _,
        &column(entries, |entry| entry.event_time),
        &column(entries, |entry| entry.summary.as_str()) as _,
        &column(entries, |entry| entry.compensation),
        &column(entries, |entry| i64::from(entry.attempts)),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// All entries of an order, in no order. A saga has a dozen at the most.
pub(crate) async fn load(
    connection: &mut PgConnection,
    order_id: OrderId,
) -> Result<Vec<TimelineEntry>, ReadError> {
    let rows = sqlx::query!(
        "SELECT event_id, source, event_type, causation_id, event_time, summary, compensation, attempts
           FROM projection.timeline WHERE order_id = $1",
        order_id.uuid(),
    )
    .fetch_all(connection)
    .await?;
    let read = Reader { order_id };
    rows.into_iter()
        .map(|row| {
            Ok(TimelineEntry {
                event_id: EventId::new(row.event_id),
                source: read.or_corrupt("source", row.source.parse())?,
                event_type: row.event_type,
                causation_id: row.causation_id.map(EventId::new),
                event_time: row.event_time,
                summary: row.summary,
                compensation: row.compensation,
                attempts: read.or_corrupt("attempts", row.attempts.try_into())?,
            })
        })
        .collect()
}

/// One column of all entries, for an array parameter.
fn column<'a, T>(entries: &'a [(OrderId, TimelineEntry)], of: impl Fn(&'a TimelineEntry) -> T) -> Vec<T> {
    entries.iter().map(|(_, entry)| of(entry)).collect()
}
