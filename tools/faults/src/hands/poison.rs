//! A message that nobody can apply, with more of its order behind it.

use super::Hands;
use crate::trouble::Trouble;

/// Where confirmations are said; everybody but orders hears them.
const TOPIC: &str = "orders.events.v1";
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
/// How many messages orders has said on the topic of its events, and how many of them a service is done with. What is
/// parked counts as done with, in the transaction that parks it.
const SAID: &str = "SELECT sum(next_sequence - 1)::int8
       FROM messaging.lane_heads JOIN messaging.lanes USING (lane) WHERE topic = $1";
const DONE_WITH: &str = "SELECT sum(sequence)::int8 FROM messaging.watermarks WHERE topic = $1";
const PARKED: &str = "SELECT count(*) FROM messaging.parked_messages WHERE topic = $1";

impl Hands<'_> {
    /// Has orders say something that nobody can apply, and three more messages of the same order, and waits until
    /// everybody who hears it is done with all that orders has said. `Some` says who has not parked all four, and what of
    /// it was parked. Nobody else may be at work.
    pub async fn poison(&self) -> Result<Option<String>, Trouble> {
        let count = async |service: &str, count, argument: &str| {
            let failed = |source| Trouble::Database { service: service.to_owned(), source };
            self.ask(service, count, argument).await.map_err(failed)
        };
        if count("orders", SAY, &MESSAGES.to_string()).await? != MESSAGES {
            return Err(Trouble::NothingToPoison);
        }
        let said = count("orders", SAID, TOPIC).await?;
        for service in HEARERS {
            let done = async || self.ask(service, DONE_WITH, TOPIC).await.is_ok_and(|done| done == said);
            self.until(service, done).await?;
            let parked = count(service, PARKED, TOPIC).await?;
            if parked != MESSAGES {
                return Ok(Some(format!(
                    "{service} has parked {parked} of {MESSAGES} messages of an order: what follows a parked message was \
                     applied"
                )));
            }
        }
        Ok(None)
    }
}
