//! A message that nobody can apply, with more of its order behind it.

use super::Hands;
use crate::trouble::Trouble;

/// Everybody but orders hears of confirmations.
const HEARERS: [&str; 3] = ["inventory", "payment", "projection"];
/// The poison, and what must wait behind it.
const MESSAGES: i64 = 4;

/// Has orders say again that an order is confirmed: first in bytes that are no message, then three times as it was.
const SAY: &str = r"WITH said AS (
        SELECT lane, incarnation, key, message_type, payload FROM messaging.outbox
         WHERE message_type = 'bowline.orders.v1.OrderConfirmed' LIMIT 1),
     head AS (
        UPDATE messaging.lane_heads h SET next_sequence = h.next_sequence + $1::text::int8
          FROM said WHERE h.lane = said.lane RETURNING h.next_sequence - $1::text::int8 AS first),
     written AS (
        INSERT INTO messaging.outbox (slot, lane, sequence, incarnation, key, id, message_type, happened_at, payload)
        SELECT slot, lane, first + nth, incarnation, key, gen_random_uuid(), message_type, now(),
               CASE WHEN nth = 0 THEN '\x1202ffff'::bytea ELSE payload END
          FROM said, head, messaging.outbox_slot, generate_series(0, $1::text::int8 - 1) nth
        RETURNING 1)
     SELECT count(*) FROM written";
const PARKED: &str = "SELECT count(*) FROM messaging.parked_messages WHERE $1 <> ''";

impl Hands<'_> {
    /// Has orders say something that nobody can apply, and three more messages of the same order, and waits until
    /// everybody who hears it has parked all four. `Some` says who has not, and what of it was parked.
    pub async fn poison(&self) -> Result<Option<String>, Trouble> {
        let failed = |source| Trouble::Database { service: "orders".to_owned(), source };
        let written = self.ask("orders", SAY, &MESSAGES.to_string()).await.map_err(failed)?;
        if written != MESSAGES {
            return Err(Trouble::NothingToPoison);
        }
        for service in HEARERS {
            let parked =
                async || self.ask(service, PARKED, "all").await.is_ok_and(|parked| parked == MESSAGES);
            match self.until(service, parked).await {
                Ok(_) => {}
                Err(Trouble::NotRecovered { limit, .. }) => {
                    let failed = |source| Trouble::Database { service: service.to_owned(), source };
                    let parked = self.ask(service, PARKED, "all").await.map_err(failed)?;
                    return Ok(Some(format!(
                        "{service} has parked {parked} of {MESSAGES} messages of an order within {limit:?}: what follows \
                         a parked message was applied"
                    )));
                }
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(None)
    }
}
