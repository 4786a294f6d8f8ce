//! Sequences are given at commit: what a reader behind the head sees is complete and in order.

use std::collections::BTreeMap;

use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_messaging::Error;

use crate::stage::{Service, append, key_in, message, outbox};

const LANE: u16 = 3;

#[tokio::test]
async fn a_missing_head_writes_nothing() {
    let service = Service::orders().await;
    let database = service.open();
    let outbox = outbox(&database).await;
    let lane = outbox.lane(&ORDERS_EVENTS, LANE).unwrap();
    sqlx::query("DELETE FROM messaging.lane_heads WHERE lane = $1")
        .bind(lane)
        .execute(&mut service.owner().await)
        .await
        .unwrap();

    let mut transaction = database.begin().await.unwrap();
    let effect = "INSERT INTO it.applied (partition, source, sequence, key) VALUES (0, 'orders', 1, gen_random_uuid())";
    sqlx::query(effect).execute(&mut *transaction).await.unwrap();
    let messages = [LANE - 1, LANE, LANE + 1].map(|lane| message(&ORDERS_EVENTS, key_in(lane, 0)));
    let error = outbox.append(&mut transaction, messages.to_vec()).await.unwrap_err();
    assert!(matches!(error, Error::MissingHead { expected: 3 }), "{error:?}");
    transaction.rollback().await.unwrap();

    assert_eq!(service.number("SELECT count(*) FROM it.applied").await, 0);
    assert_eq!(service.number("SELECT count(*) FROM messaging.outbox").await, 0);
    assert_eq!(service.number("SELECT max(next_sequence) FROM messaging.lane_heads").await, 1);
    append(&database, &outbox, &[key_in(LANE - 1, 0), key_in(LANE + 1, 0)]).await;
}

#[tokio::test]
async fn a_message_too_large_for_its_topic_is_refused_before_anything_is_written() {
    let service = Service::orders().await;
    let database = service.open();
    let outbox = outbox(&database).await;
    let mut transaction = database.begin().await.unwrap();
    let mut large = message(&ORDERS_EVENTS, key_in(LANE, 0));
    large.payload = vec![0; 1 << 20].into();
    let messages = vec![message(&ORDERS_EVENTS, key_in(LANE, 1)), large];
    let error = outbox.append(&mut transaction, messages).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error:?}");
    assert_eq!(error.fault(), bowline_database::Fault::Refused);
    transaction.commit().await.unwrap();
    assert_eq!(service.number("SELECT count(*) FROM messaging.outbox").await, 0);
}

#[tokio::test]
async fn a_transaction_that_rolls_back_leaves_no_hole() {
    let service = Service::orders().await;
    let database = service.open();
    let outbox = outbox(&database).await;
    append(&database, &outbox, &[key_in(LANE, 0)]).await;
    let mut abandoned = database.begin().await.unwrap();
    outbox.append(&mut abandoned, vec![message(&ORDERS_EVENTS, key_in(LANE, 1))]).await.unwrap();
    drop(abandoned);
    let sequences: BTreeMap<_, _> = append(&database, &outbox, &[key_in(LANE, 2), key_in(LANE, 3)])
        .await
        .into_iter()
        .map(|sequenced| (sequenced.message.key, sequenced.sequence))
        .collect();
    assert_eq!(sequences, BTreeMap::from([(key_in(LANE, 2), 2), (key_in(LANE, 3), 3)]));
}
