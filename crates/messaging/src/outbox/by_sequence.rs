//! How an outbox numbers that does it as a SEQUENCE of the database would: for a proof that such an outbox is found out.

use bowline_database::Database;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Numbering, Outbox, Outgoing, Rows, Sequenced, all_written};
use crate::Error;
use crate::batch::Advances;

/// Takes the numbers on a connection of their own: they are gone whether or not the transaction commits, and in whatever
/// order it does. Locks no head.
pub(super) async fn write(
    outbox: &Outbox,
    numbers: &Database,
    connection: &mut PgConnection,
    advances: &Advances,
    messages: Vec<Outgoing>,
) -> Result<Vec<Sequenced>, Error> {
    if !advances.is_empty() {
        outbox.write_in_order(connection, advances, Vec::new()).await?;
    }
    let numbering = Numbering::plan(outbox, &messages)?;
    let bases = sqlx::query!(
        r#"WITH taken AS (
             UPDATE messaging.lane_heads h SET next_sequence = h.next_sequence + v.count
               FROM unnest($1::int4[], $2::int8[]) v(lane, count) WHERE h.lane = v.lane
             RETURNING h.lane, h.next_sequence - v.count AS base)
           SELECT array_agg(base ORDER BY lane) AS "bases!", (SELECT incarnation FROM messaging.current_incarnation)
                  AS "incarnation!" FROM taken"#,
        &numbering.lanes,
        &numbering.counts,
    )
    .fetch_one(&mut *numbers.acquire().await?)
    .await?;
    let rows = Rows::of(&messages);
    let expected = messages.len();
    let sent = numbering.apply(&bases.bases, bases.incarnation, messages.clone());
    let lanes: Vec<i32> = sent.iter().map(|sequenced| sequenced.lane).collect();
    let sequences: Vec<i64> = sent.iter().map(|sequenced| sequenced.sequence).collect();
    let written = sqlx::query!(
        "INSERT INTO messaging.outbox (slot, lane, sequence, incarnation, key, id, message_type, happened_at, causation,
                                       traceparent, payload)
         SELECT s.slot, r.lane, r.sequence, $1, r.key, r.id, r.message_type, r.happened_at, r.causation, r.traceparent,
                r.payload
           FROM messaging.outbox_slot s,
                unnest($2::int4[], $3::int8[], $4::uuid[], $5::uuid[], $6::text[], $7::timestamptz[], $8::uuid[],
                       $9::text[], $10::bytea[])
                  r(lane, sequence, key, id, message_type, happened_at, causation, traceparent, payload)",
        bases.incarnation,
        &lanes,
        &sequences,
        &rows.keys,
        &rows.ids,
        &rows.message_types as &[&str],
        &rows.times,
        &rows.causations as &[Option<Uuid>],
        &rows.traceparents as &[Option<&str>],
        &rows.payloads as &[&[u8]],
    )
    .execute(connection)
    .await?;
    all_written(expected, written.rows_affected().cast_signed())?;
    Ok(sent)
}
