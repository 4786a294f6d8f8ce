//! Who works on which partition.

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_contracts::topics::PARTITIONS;
use bowline_messaging::{Holders, LaneOptions};
use bowline_test_support::eventually;

use crate::stage::{ALL, PATIENCE, Replica, Service, kafka, mortal, steady};

const HELD: &str =
    "SELECT count(*) FROM messaging.leases WHERE holder IS NOT NULL AND expires_at > clock_timestamp()";

/// Waits until the replicas own so many partitions each, and no partition twice.
async fn share(replicas: &[&Replica], expected: &[usize]) {
    eventually(&format!("shares of {expected:?}"), PATIENCE, async || {
        let mut counts: Vec<usize> = replicas.iter().map(|replica| replica.owned_count()).collect();
        counts.sort_unstable_by(|one, other| other.cmp(one));
        (counts == expected).then_some(())
    })
    .await;
    let mut partitions: Vec<u16> = replicas
        .iter()
        .flat_map(|replica| replica.node.owned().borrow().keys().copied().collect::<Vec<_>>())
        .collect();
    partitions.sort_unstable();
    assert_eq!(partitions, (0..PARTITIONS).collect::<Vec<_>>());
}

#[tokio::test]
async fn replicas_share_fairly_and_take_over_from_one_that_vanishes() {
    let (orders, kafka) = (Service::orders().await, kafka().await);
    let one = orders.start(&kafka, mortal()).await;
    share(&[&one], &[ALL]).await;
    let before: BTreeMap<u16, i64> = one.node.owned().borrow().clone();
    let other = orders.start(&kafka, mortal()).await;
    share(&[&one, &other], &[4, 4]).await;
    let third = orders.start(&kafka, mortal()).await;
    share(&[&one, &other, &third], &[3, 3, 2]).await;

    drop(one);
    share(&[&other, &third], &[4, 4]).await;
    for replica in [&other, &third] {
        for (partition, epoch) in replica.node.owned().borrow().iter() {
            assert!(*epoch > before[partition], "every change of hands has an epoch of its own");
        }
    }
    other.drain().await;
    third.drain().await;
}

#[tokio::test]
async fn each_replica_knows_where_the_partitions_of_the_others_are() {
    let (orders, kafka) = (Service::orders().await, kafka().await);
    let one = orders.start(&kafka, steady()).await;
    one.owns(ALL).await;
    assert!(one.node.holders().borrow().is_empty(), "all of them are its own");
    let other = orders.start(&kafka, steady()).await;
    share(&[&one, &other], &[4, 4]).await;
    for (here, there) in [(&one, &other), (&other, &one)] {
        let theirs: Vec<u16> = there.node.owned().borrow().keys().copied().collect();
        eventually("what the other one holds is known", PATIENCE, async || {
            here.node.holders().borrow().keys().eq(&theirs).then_some(())
        })
        .await;
    }
    let stored = "SELECT count(*) FROM messaging.leases WHERE address = $1";
    let address = one.node.holders().borrow().values().next().unwrap().to_string();
    let held: i64 =
        sqlx::query_scalar(stored).bind(address).fetch_one(&mut orders.connect().await).await.unwrap();
    assert_eq!(held, 4, "the address is the holder's");
    other.drain().await;
    let mut holders = one.node.holders();
    tokio::time::timeout(PATIENCE, holders.wait_for(Holders::is_empty)).await.unwrap().unwrap();
    one.drain().await;
}

#[tokio::test]
async fn a_replica_without_an_address_or_with_that_of_another_one_is_not_called() {
    let (orders, kafka) = (Service::orders().await, kafka().await);
    let mut replicas = Vec::new();
    for address in ["", "", "orders:50051", "orders:50051"] {
        replicas.push((orders.start_at(address, &kafka, steady()).await, address));
    }
    let all: Vec<&Replica> = replicas.iter().map(|(replica, _)| replica).collect();
    share(&all, &[2, 2, 2, 2]).await;
    for (replica, address) in &replicas {
        let expected = if address.is_empty() { ALL / 2 } else { 0 };
        let mut holders = replica.node.holders();
        let known = holders.wait_for(|holders| holders.len() == expected);
        tokio::time::timeout(PATIENCE, known).await.unwrap().unwrap();
        assert!(holders.borrow().values().all(|address| &**address == "orders:50051"));
    }
    for (replica, _) in replicas {
        replica.drain().await;
    }
}

#[tokio::test]
async fn every_replica_gets_something_when_there_are_enough_partitions() {
    // Eight by five: rounding the share up would leave the fifth with nothing.
    let (orders, kafka) = (Service::orders().await, kafka().await);
    let mut replicas = Vec::new();
    for _ in 0..5 {
        replicas.push(orders.start(&kafka, steady()).await);
    }
    share(&replicas.iter().collect::<Vec<_>>(), &[2, 2, 2, 1, 1]).await;
    for replica in replicas {
        replica.drain().await;
    }
}

#[tokio::test]
async fn a_replica_that_drains_hands_over_without_waiting_for_expiry() {
    let (orders, kafka) = (Service::orders().await, kafka().await);
    let endless = LaneOptions { lease_ttl: Duration::from_hours(1), ..steady() };
    let one = orders.start(&kafka, endless.clone()).await;
    one.owns(ALL).await;
    let other = orders.start(&kafka, endless).await;
    share(&[&one, &other], &[4, 4]).await;
    one.drain().await;
    share(&[&other], &[ALL]).await;
    assert_eq!(orders.number("SELECT count(*) FROM messaging.members").await, 1);
    other.drain().await;
    assert_eq!(orders.number(HELD).await, 0);
    assert_eq!(orders.number("SELECT count(*) FROM messaging.members").await, 0);
}

#[tokio::test]
async fn a_replica_whose_heartbeat_hangs_gives_up_before_its_leases_expire() {
    let (orders, kafka) = (Service::orders().await, kafka().await);
    let lanes = LaneOptions { lease_ttl: Duration::from_secs(8), ..steady() };
    let replica = orders.start(&kafka, lanes).await;
    replica.owns(ALL).await;
    let hold = orders.open();
    let mut blocker = hold.begin().await.unwrap();
    sqlx::query("SET LOCAL idle_in_transaction_session_timeout = 0").execute(&mut *blocker).await.unwrap();
    sqlx::query("SELECT FROM messaging.members FOR UPDATE").execute(&mut *blocker).await.unwrap();
    replica.owns(0).await;
    assert_eq!(orders.number(HELD).await, i64::from(PARTITIONS), "nobody else could have taken one yet");
    blocker.rollback().await.unwrap();
    replica.owns(ALL).await;
    replica.drain().await;
}
