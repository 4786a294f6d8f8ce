//! The table of deadlines.

use bowline_kernel::OrderId;
use bowline_orders_domain::Awaited;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::app::command::Expiry;

/// A deadline as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) order_id: Uuid,
    pub(crate) partition: u16,
    pub(crate) awaited: Awaited,
    pub(crate) fence: u32,
    pub(crate) due_at: DateTime<Utc>,
}

/// The deadlines of one step in one partition; what one of them waits for, all do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group {
    pub(crate) partition: u16,
    pub(crate) awaited: Awaited,
}

/// Sets deadlines, in place of those that the orders had, and deletes those of `ended` orders, in one statement; none
/// when there is nothing to do. Runs in the transaction of the events that begin and end the steps, under the locks of
/// their partitions.
pub(crate) async fn write(
    connection: &mut PgConnection,
    set: &[Row],
    ended: &[Uuid],
) -> Result<(), sqlx::Error> {
    if set.is_empty() && ended.is_empty() {
        return Ok(());
    }
    let order_ids: Vec<Uuid> = set.iter().map(|row| row.order_id).collect();
    let partitions: Vec<i16> = set.iter().map(|row| row.partition.cast_signed()).collect();
    let awaited: Vec<i16> = set.iter().map(|row| number(row.awaited)).collect();
    let fences: Vec<i32> = set.iter().map(|row| row.fence.cast_signed()).collect();
    let due_at: Vec<DateTime<Utc>> = set.iter().map(|row| row.due_at).collect();
    sqlx::query!(
        "WITH ended AS (DELETE FROM orders.deadlines WHERE order_id = ANY($1::uuid[]))
         INSERT INTO orders.deadlines (order_id, partition, awaited, fence, due_at)
         SELECT * FROM unnest($2::uuid[], $3::int2[], $4::int2[], $5::int4[], $6::timestamptz[])
         ON CONFLICT (order_id) DO UPDATE
            SET awaited = excluded.awaited, fence = excluded.fence, due_at = excluded.due_at",
        ended,
        &order_ids,
        &partitions,
        &awaited,
        &fences,
        &due_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The groups of these partitions, each with the number of its deadlines and the time of its oldest one that is due at
/// `until`, if one is.
pub(crate) async fn groups(
    connection: &mut PgConnection,
    partitions: &[u16],
    until: DateTime<Utc>,
) -> Result<Vec<(Group, u64, Option<DateTime<Utc>>)>, sqlx::Error> {
    let partitions: Vec<i16> = partitions.iter().map(|partition| partition.cast_signed()).collect();
    let rows = sqlx::query!(
        // Without an index on the time: the table holds only what is pending, and an index costs every order.
        r#"SELECT partition, awaited, count(*) AS "count!", min(due_at) FILTER (WHERE due_at <= $2) AS oldest
             FROM orders.deadlines WHERE partition = ANY($1::int2[]) GROUP BY partition, awaited"#,
        &partitions,
        until,
    )
    .fetch_all(connection)
    .await?;
    let group = |partition: i16, stored| {
        awaited(stored).map(|awaited| Group { partition: partition.cast_unsigned(), awaited })
    };
    let known = rows
        .into_iter()
        .filter_map(|row| Some((group(row.partition, row.awaited)?, row.count.cast_unsigned(), row.oldest)));
    Ok(known.collect())
}

/// The deadlines of each group that are due at its time, the oldest first, at most `limit` in all, each in the trace of
/// the event that it was set with.
pub(crate) async fn due(
    connection: &mut PgConnection,
    groups: &[(Group, DateTime<Utc>)],
    limit: usize,
) -> Result<Vec<Expiry>, bowline_event_store::Error> {
    let partitions: Vec<i16> = groups.iter().map(|(group, _)| group.partition.cast_signed()).collect();
    let awaited: Vec<i16> = groups.iter().map(|(group, _)| number(group.awaited)).collect();
    let until: Vec<DateTime<Utc>> = groups.iter().map(|(_, until)| *until).collect();
    let rows = sqlx::query!(
        "SELECT d.order_id, d.fence
           FROM orders.deadlines d
           JOIN unnest($1::int2[], $2::int2[], $3::timestamptz[]) g(partition, awaited, until)
             ON d.partition = g.partition AND d.awaited = g.awaited AND d.due_at <= g.until
          ORDER BY d.due_at, d.order_id LIMIT $4",
        &partitions,
        &awaited,
        &until,
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(&mut *connection)
    .await?;
    let fences: Vec<(Uuid, u32)> =
        rows.into_iter().map(|row| (row.order_id, row.fence.cast_unsigned())).collect();
    let mut set_with = bowline_event_store::metadata(connection, &fences).await?;
    let expiry = |(order_id, fence)| {
        let traceparent = set_with.remove(&order_id).and_then(|metadata| metadata.traceparent);
        Expiry { order_id: OrderId::new(order_id), fence, traceparent }
    };
    Ok(fences.into_iter().map(expiry).collect())
}

/// The number under which a step is stored; never changes.
const fn number(awaited: Awaited) -> i16 {
    match awaited {
        Awaited::Stock => 1,
        Awaited::Payment => 2,
    }
}

fn awaited(stored: i16) -> Option<Awaited> {
    [Awaited::Stock, Awaited::Payment].into_iter().find(|awaited| number(*awaited) == stored)
}
