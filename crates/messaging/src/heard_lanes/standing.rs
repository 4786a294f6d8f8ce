//! How lanes stand that do not flow, written down for operators.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;
use crate::inbox::{Inbox, InputId};
use crate::tracker::{Forgotten, Standing, Standstill};

/// The states as stored.
pub(super) const MISSING: &str = "missing";
pub(super) const DOUBT: &str = "doubt";
pub(super) const FORGOTTEN: &str = "forgotten";
const STOPPED: &str = "stopped";

impl Inbox {
    /// Writes down how the lanes of these partitions stand that do not flow; the others of them flow.
    pub(crate) async fn note_standing(
        &self,
        connection: &mut PgConnection,
        partitions: &[u16],
        standing: &[Standing],
    ) -> Result<(), Error> {
        let partitions: Vec<i16> = partitions.iter().copied().map(u16::cast_signed).collect();
        let inputs: Vec<InputId> = standing.iter().map(|lane| lane.input).collect();
        let reasons: Vec<&str> = standing.iter().map(|lane| lane.reason.as_str()).collect();
        let columns: Vec<Columns> = standing.iter().map(|lane| Columns::of(lane.state)).collect();
        let states: Vec<&str> = columns.iter().map(|columns| columns.state).collect();
        let firsts: Vec<Option<i64>> =
            columns.iter().map(|columns| columns.missing.map(|range| range.0)).collect();
        let lasts: Vec<Option<i64>> =
            columns.iter().map(|columns| columns.missing.map(|range| range.1)).collect();
        let kept: Vec<Option<i64>> =
            columns.iter().map(|columns| columns.kept.map(|kept| kept.kept)).collect();
        let kept_in: Vec<Option<Uuid>> =
            columns.iter().map(|columns| columns.kept.map(|kept| kept.incarnation)).collect();
        sqlx::query!(
            "WITH flowing AS (
                 DELETE FROM messaging.held_lanes h USING messaging.watermarks w
                  WHERE w.input = h.input AND w.consumer = $1 AND w.partition = ANY($2::int2[])
                    AND h.input <> ALL($3::int4[]))
             INSERT INTO messaging.held_lanes AS h
                    (input, state, reason, first_missing, last_missing, kept_sequence, kept_in)
             SELECT * FROM unnest($3::int4[], $4::text[], $5::text[], $6::int8[], $7::int8[], $8::int8[], $9::uuid[])
             ON CONFLICT (input) DO UPDATE
                SET state = excluded.state, reason = excluded.reason, first_missing = excluded.first_missing,
                    last_missing = excluded.last_missing, kept_sequence = excluded.kept_sequence,
                    kept_in = excluded.kept_in,
                    held_at = CASE WHEN h.state = excluded.state THEN h.held_at ELSE excluded.held_at END",
            self.name(),
            &partitions,
            &inputs,
            &states as &[&str],
            &reasons as &[&str],
            &firsts as &[Option<i64>],
            &lasts as &[Option<i64>],
            &kept as &[Option<i64>],
            &kept_in as &[Option<Uuid>],
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

struct Columns {
    state: &'static str,
    missing: Option<(i64, i64)>,
    kept: Option<Forgotten>,
}

impl Columns {
    fn of(state: Standstill) -> Self {
        match state {
            Standstill::Missing { first, last } => {
                Self { state: MISSING, missing: Some((first, last)), kept: None }
            }
            Standstill::Doubt => Self { state: DOUBT, missing: None, kept: None },
            Standstill::Forgotten(forgotten) => {
                Self { state: FORGOTTEN, missing: None, kept: Some(forgotten) }
            }
            Standstill::Stopped => Self { state: STOPPED, missing: None, kept: None },
        }
    }
}
