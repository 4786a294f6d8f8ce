//! Lanes: everything is published, and everyone has applied everything.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use bowline_contracts::topics::{
    INVENTORY_COMMANDS, INVENTORY_EVENTS, ORDERS_EVENTS, PAYMENT_COMMANDS, PAYMENT_EVENTS, Topic,
};

use crate::access::{Database, Databases};
use crate::{Error, Invariant};

/// Who hears which topics; a lane that nobody has registered must not pass for one that is level.
static HEARS: [(&str, &[&Topic]); 4] = [
    ("orders", &[&INVENTORY_EVENTS, &PAYMENT_EVENTS]),
    ("inventory", &[&ORDERS_EVENTS, &INVENTORY_COMMANDS]),
    ("payment", &[&INVENTORY_EVENTS, &ORDERS_EVENTS, &PAYMENT_COMMANDS]),
    ("projection", &[&ORDERS_EVENTS, &INVENTORY_EVENTS, &PAYMENT_EVENTS]),
];

/// The name of a lane.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lane {
    pub(crate) source: String,
    pub(crate) topic: String,
    pub(crate) partition: i16,
}

/// How far the source of a lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The last sequence given out; 0 when none was.
    pub(crate) last: i64,
    /// The last one noted as published.
    pub(crate) published: Option<i64>,
}

/// The heads of all lanes of all sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heads(BTreeMap<Lane, Head>);

impl Heads {
    pub(crate) async fn read(databases: &Databases) -> Result<Self, Error> {
        let mut heads = BTreeMap::new();
        for database in databases.all() {
            let rows = sqlx::query_as::<_, (String, i16, i64, Option<i64>)>(
                "SELECT l.topic, l.partition, h.next_sequence - 1, p.sequence
                   FROM messaging.lanes l
                   JOIN messaging.lane_heads h USING (lane)
                   LEFT JOIN messaging.published p USING (lane)",
            )
            .fetch_all(&database.pool)
            .await
            .map_err(|source| database.failed(source))?;
            heads.extend(rows.into_iter().map(|(topic, partition, last, published)| {
                (Lane { source: database.service.to_owned(), topic, partition }, Head { last, published })
            }));
        }
        Ok(Self(heads))
    }

    /// The last sequence of a lane; `None` for a lane that its source does not have.
    pub(crate) fn last(&self, lane: &Lane) -> Option<i64> {
        self.0.get(lane).map(|head| head.last)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Lane, Head)> {
        self.0.iter().map(|(lane, head)| (lane, *head))
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} in partition {}", self.topic, self.source, self.partition)
    }
}

/// Of every lane: all that its source has committed is published.
pub(crate) fn published(heads: &Heads) -> Invariant {
    let mut invariant = Invariant::new("nothing is unpublished");
    for (lane, Head { last, published }) in heads.iter() {
        invariant.check((published != Some(last)).then(|| {
            format!("{lane}: published up to {}, committed up to {last}", published.unwrap_or_default())
        }));
    }
    invariant
}

/// Of every consumer and every lane that it hears: it has applied all that the source has committed, and no more.
pub(crate) async fn watermarks(databases: &Databases, heads: &Heads) -> Result<Invariant, Error> {
    let mut invariant = Invariant::new("every consumer's watermark equals the last sequence of its lane");
    for database in databases.all() {
        let applied = applied(database).await?;
        for (lane, head) in heard(database.service, heads) {
            let applied = applied.get(&lane).copied();
            invariant.check((applied != Some(head)).then(|| match applied {
                Some(applied) => {
                    format!(
                        "{} has applied {lane} up to {applied}, its last sequence is {head}",
                        database.service
                    )
                }
                None => format!("{} has no watermark for {lane}", database.service),
            }));
        }
    }
    Ok(invariant)
}

/// Of every consumer and every lane that it hears: none of its messages waits for an operator.
pub(crate) async fn parked(databases: &Databases, heads: &Heads) -> Result<Invariant, Error> {
    let mut invariant = Invariant::new("nothing is parked");
    for database in databases.all() {
        let parked = counts(
            database,
            "SELECT source, topic, partition, count(*) FROM messaging.parked_messages WHERE consumer = $1
              GROUP BY source, topic, partition",
        )
        .await?;
        for (lane, _) in heard(database.service, heads) {
            let parked = parked.get(&lane);
            invariant.check(
                parked.map(|parked| format!("{} has parked {parked} messages of {lane}", database.service)),
            );
        }
    }
    Ok(invariant)
}

/// The partitions in which one of those whose books are reconciled has not yet applied all that lies up to these heads.
pub(crate) async fn behind(databases: &Databases, heads: &Heads) -> Result<HashSet<i16>, Error> {
    let mut behind = HashSet::new();
    for database in [&databases.orders, &databases.inventory, &databases.payment] {
        let applied = applied(database).await?;
        let late = heard(database.service, heads)
            .into_iter()
            .filter(|(lane, head)| applied.get(lane).copied().unwrap_or_default() < *head);
        behind.extend(late.map(|(lane, _)| lane.partition));
    }
    Ok(behind)
}

/// The watermarks of one service.
async fn applied(database: &Database) -> Result<HashMap<Lane, i64>, Error> {
    counts(
        database,
        "SELECT source, topic, partition, sequence FROM messaging.watermarks WHERE consumer = $1",
    )
    .await
}

/// A number for lanes of which a service hears, by a statement that takes its name.
async fn counts(database: &Database, sql: &'static str) -> Result<HashMap<Lane, i64>, Error> {
    let rows = sqlx::query_as::<_, (String, String, i16, i64)>(sql)
        .bind(database.service)
        .fetch_all(&database.pool)
        .await
        .map_err(|source| database.failed(source))?;
    let lanes = rows
        .into_iter()
        .map(|(source, topic, partition, sequence)| (Lane { source, topic, partition }, sequence));
    Ok(lanes.collect())
}

/// Every lane that a service hears, with its last sequence.
fn heard(service: &str, heads: &Heads) -> Vec<(Lane, i64)> {
    let topics = HEARS.iter().filter(|(hearer, _)| *hearer == service).flat_map(|(_, topics)| topics.iter());
    let mut lanes = Vec::new();
    for topic in topics {
        for source in topic.sources {
            for partition in 0..topic.partitions {
                let lane = Lane {
                    source: (*source).to_owned(),
                    topic: topic.name.to_owned(),
                    partition: partition.cast_signed(),
                };
                let head = heads.last(&lane).unwrap_or_default();
                lanes.push((lane, head));
            }
        }
    }
    lanes
}

#[cfg(test)]
mod tests {
    use bowline_contracts::topics::PARTITIONS;

    use super::*;

    fn lane(partition: i16) -> Lane {
        Lane { source: "orders".to_owned(), topic: ORDERS_EVENTS.name.to_owned(), partition }
    }

    #[test]
    fn what_is_not_noted_as_published_is_a_violation() {
        let heads = Heads(
            [
                (lane(0), Head { last: 7, published: Some(7) }),
                (lane(1), Head { last: 7, published: Some(6) }),
                (lane(2), Head { last: 0, published: None }),
            ]
            .into(),
        );
        let invariant = published(&heads);
        assert_eq!((invariant.checked, invariant.violations), (3, 2));
        assert!(invariant.examples[0].contains("partition 1: published up to 6, committed up to 7"));
    }

    #[test]
    fn every_service_hears_every_partition_of_its_topics() {
        let heads = Heads([(lane(3), Head { last: 9, published: None })].into());
        let heard = heard("projection", &heads);
        assert_eq!(heard.len(), 3 * usize::from(PARTITIONS));
        assert!(heard.contains(&(lane(3), 9)));
        assert!(heard.contains(&(lane(4), 0)));
    }
}
