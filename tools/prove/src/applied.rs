//! Every lane was applied in order and once, by the record that services keep of it when they are told to.

use crate::access::{Database, Databases};
use crate::{Error, Invariant};

/// Of every lane that a consumer has applied something of: each range recorded begins behind the one before it, and the
/// last one ends at the watermark. `None` if no service keeps a record.
pub(crate) async fn check(databases: &Databases) -> Result<Option<Invariant>, Error> {
    let mut invariant = Invariant::new("every message was applied once and in the order of its lane");
    for database in databases.all() {
        for lane in recorded(database).await? {
            invariant.check(lane.fault(database.service));
        }
    }
    Ok((invariant.checked > 0).then_some(invariant))
}

/// What the record says of one lane.
#[derive(Debug, sqlx::FromRow)]
struct Recorded {
    source: String,
    topic: String,
    partition: i16,
    watermark: i64,
    last: i64,
    /// How many ranges do not begin behind the one before them, and the first such.
    disorders: i64,
    first_disorder: Option<String>,
}

async fn recorded(database: &Database) -> Result<Vec<Recorded>, Error> {
    // Rows of a lane are numbered in the order of their commits, because its watermark is locked until then.
    sqlx::query_as::<_, Recorded>(
        "WITH ranges AS (
             SELECT input, applied_range, first_sequence, last_sequence,
                    coalesce(lag(last_sequence) OVER (PARTITION BY input ORDER BY applied_range), 0) AS before
               FROM messaging.applied_ranges)
         SELECT w.source, w.topic, w.partition, w.sequence AS watermark,
                (array_agg(r.last_sequence ORDER BY r.applied_range DESC))[1] AS last,
                count(*) FILTER (WHERE r.first_sequence <> r.before + 1) AS disorders,
                (array_agg(format('sequence %s behind %s', r.first_sequence, r.before) ORDER BY r.applied_range)
                   FILTER (WHERE r.first_sequence <> r.before + 1))[1] AS first_disorder
           FROM ranges r JOIN messaging.watermarks w USING (input)
          GROUP BY w.input, w.source, w.topic, w.partition, w.sequence",
    )
    .fetch_all(&database.pool)
    .await
    .map_err(|source| database.failed(source))
}

impl Recorded {
    fn fault(&self, consumer: &str) -> Option<String> {
        let Self { source, topic, partition, watermark, last, disorders, first_disorder } = self;
        let lane = format!("{consumer} on {topic} of {source} in partition {partition}");
        match first_disorder {
            Some(first) => Some(format!("{lane}: out of order {disorders} times, first {first}")),
            None if last != watermark => Some(format!("{lane}: applied up to {last}, watermark {watermark}")),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_repeats_leaps_or_ends_elsewhere_is_at_fault() {
        let lane = |watermark, disorders, first: Option<&str>| Recorded {
            source: "orders".into(),
            topic: "orders.events.v1".into(),
            partition: 3,
            watermark,
            last: 7,
            disorders,
            first_disorder: first.map(str::to_owned),
        };
        assert_eq!(lane(7, 0, None).fault("payment"), None);
        let ends = lane(8, 0, None).fault("payment").expect("it ends elsewhere");
        assert!(ends.ends_with("applied up to 7, watermark 8"), "{ends}");
        let repeats = lane(7, 2, Some("sequence 4 behind 6")).fault("payment").expect("it repeats");
        assert!(repeats.ends_with("out of order 2 times, first sequence 4 behind 6"), "{repeats}");
    }
}
