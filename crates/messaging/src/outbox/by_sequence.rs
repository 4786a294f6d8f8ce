//! How an outbox numbers that does it as a SEQUENCE of the database would: for a proof that such an outbox is found out.

use bowline_database::Database;
use sqlx::PgConnection;

use super::{Numbering, Outbox, Outgoing, Sequenced};
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
    let sent = numbering.apply(&bases.bases, bases.incarnation, messages);
    for Sequenced { lane, sequence, incarnation, message } in &sent {
        sqlx::query!(
            "INSERT INTO messaging.outbox (slot, lane, sequence, incarnation, key, id, message_type, happened_at, causation,
                                           traceparent, payload)
             SELECT slot, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM messaging.outbox_slot",
            lane,
            sequence,
            incarnation,
            message.key,
            message.id,
            message.message_type,
            message.time,
            message.causation,
            message.traceparent,
            &*message.payload,
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(sent)
}
