//! A source whose database is lost and replaced by a streaming replica: with all commits, and with commits missing.

use std::net::SocketAddr;

use bowline_contracts::topics::INVENTORY;
use bowline_messaging::{Acceptance, Failovers, HeardLane, HeardLanes, HeldState, KafkaOptions, Operator};
use bowline_test_support::{Replicated, eventually};

use crate::broker::key_of;
use crate::serving::{Source, asking, free_address};
use crate::stage::{PATIENCE, Replica, Service, in_order, kafka};

const LANES: [u16; 3] = [2, 4, 6];

/// The keys of the messages with these sequences, lane by lane.
fn keys(lanes: &[u16], sequences: std::ops::RangeInclusive<i64>) -> Vec<uuid::Uuid> {
    let lanes = lanes.iter().copied();
    lanes.flat_map(|lane| sequences.clone().map(move |sequence| key_of(lane, sequence))).collect()
}

/// A source on a replicated server and a consumer that asks it; three messages of each lane are applied and replicated.
struct Scene {
    servers: Replicated,
    inventory: Service,
    kafka: KafkaOptions,
    address: SocketAddr,
    source: Source,
    /// The source's database as it is behind a failover.
    promoted: Service,
    replica: Replica,
}

impl Scene {
    async fn open() -> Self {
        let (servers, inventory, kafka) =
            (Replicated::start().await, Service::inventory().await, kafka().await);
        let (orders, address) = (Service::orders_on(&servers).await, free_address().await);
        let promoted = orders.on_standby(&servers);
        let source = Source::start_at(orders, &kafka, address).await;
        let replica = inventory.start(&kafka, asking(address)).await;
        source.say(keys(&LANES, 1..=3)).await;
        inventory.applies(9).await;
        servers.catches_up().await;
        Self { servers, inventory, kafka, address, source, promoted, replica }
    }
}

#[tokio::test]
async fn a_replica_that_has_every_commit_takes_over_and_all_lanes_go_on_by_themselves() {
    let Scene { servers, inventory, kafka, address, source, promoted, replica } = Scene::open().await;
    let before = source.incarnation().await;
    source.vanish().await;
    servers.fail_over().await;

    let source = Source::start_at(promoted, &kafka, address).await;
    assert_ne!(source.incarnation().await, before);
    source.say(keys(&LANES, 4..=6)).await;
    let applied = inventory.applies(18).await;
    assert!(in_order(&applied), "{applied:?}");
    assert_eq!(applied[&4], [1, 2, 3, 4, 5, 6]);
    replica.has_no_troubles().await;
    replica.counts(Failovers { survived: 3, stopped: 0 }).await;
    replica.drain().await;
    source.stop().await;
    servers.stop().await;
}

/// The lane that has stopped because its source has lost what it had applied, and what of it the source has kept.
async fn forgotten(lanes: &HeardLanes) -> (HeardLane, Acceptance) {
    eventually("a lane waits to be accepted", PATIENCE, async || {
        let lanes = lanes.list().await.unwrap();
        lanes.into_iter().find_map(|lane| match lane.held.as_ref()?.state {
            HeldState::Forgotten { kept, incarnation } => {
                let (name, from) = (lane.name.clone(), (lane.sequence, lane.incarnation?));
                Some((lane, Acceptance { name, from, to: (kept, incarnation) }))
            }
            _ => None,
        })
    })
    .await
}

#[tokio::test]
async fn a_replica_that_lacks_commits_stops_the_lane_that_had_applied_them_until_an_operator_accepts() {
    let Scene { servers, inventory, kafka, address, source, promoted, replica } = Scene::open().await;
    servers.cut_off().await;
    // Committed, published and applied, and lost with the primary.
    source.say(keys(&[4], 4..=5)).await;
    inventory.applies(11).await;
    source.vanish().await;
    servers.fail_over().await;

    let source = Source::start_at(promoted, &kafka, address).await;
    let new = keys(&[4], 14..=16);
    source.say(keys(&[2, 6], 4..=6).into_iter().chain(new.clone())).await;
    let applied = inventory.applies(17).await;
    assert!(in_order(&applied), "{applied:?}");
    assert_eq!((applied[&2].len(), applied[&4].len(), applied[&6].len()), (6, 5, 6));
    let stopped = replica.stops(1).await;
    let expected = "orders.events.v1/4: orders behind sequence 5: sequences 4 to 5 were applied, but the source has lost them";
    assert!(stopped[0].starts_with(expected), "{stopped:?}");
    replica.counts(Failovers { survived: 2, stopped: 1 }).await;

    let lanes = HeardLanes::new(inventory.open(), INVENTORY);
    let (lane, acceptance) = forgotten(&lanes).await;
    assert_eq!((lane.name.partition, acceptance.from.0, acceptance.to.0), (4, 5, 3));
    let ada = Operator { name: "ada".into(), note: "both were cancelled by hand".into() };
    lanes.accept(&acceptance, &ada).await.unwrap();
    assert_eq!(inventory.applies(20).await[&4], [1, 2, 3, 4, 5, 4, 5, 6]);
    let applied = "SELECT key FROM it.applied WHERE partition = 4 ORDER BY place DESC LIMIT 3";
    let applied: Vec<uuid::Uuid> =
        sqlx::query_scalar(applied).fetch_all(&mut inventory.connect().await).await.unwrap();
    assert!(applied.iter().rev().eq(&new), "the new messages under the old numbers");
    replica.has_no_troubles().await;
    replica.drain().await;
    source.stop().await;
    servers.stop().await;
}
