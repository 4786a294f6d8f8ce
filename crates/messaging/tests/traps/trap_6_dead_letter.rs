//! A dead-lettered message lets the later messages of the same order through.

use bowline_contracts::topics::ORDERS_EVENTS;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::naive;
use crate::stage::{Service, kafka, key_in, steady};

const LANE: u16 = 5;
const OTHER_LANE: u16 = 6;
/// Both consumers meet a message that no table of theirs takes: the second about the order.
const SCHEMA: &str =
    "CREATE TABLE it.naively_applied (sequence bigint NOT NULL CHECK (sequence <> 2), key uuid NOT NULL);
    CREATE TABLE it.dead_letters (sequence bigint NOT NULL, key uuid NOT NULL);
    ALTER TABLE it.applied ADD CHECK (partition <> 5 OR sequence <> 2)";

/// Applies a message, or puts it aside and goes on.
async fn receive(connection: &mut PgConnection, sequence: i64, key: Uuid) {
    let apply = "INSERT INTO it.naively_applied VALUES ($1, $2)";
    if sqlx::query(apply).bind(sequence).bind(key).execute(&mut *connection).await.is_err() {
        let put_aside = "INSERT INTO it.dead_letters VALUES ($1, $2)";
        sqlx::query(put_aside).bind(sequence).bind(key).execute(connection).await.unwrap();
    }
}

async fn sequences(connection: &mut PgConnection, sql: &'static str, key: Uuid) -> Vec<i64> {
    sqlx::query_scalar(sql).bind(key).fetch_all(connection).await.unwrap()
}

#[tokio::test]
async fn what_follows_a_dead_letter_of_its_order_is_applied_by_a_naive_consumer_alone() {
    let (orders, inventory, kafka) = (Service::orders().await, Service::inventory().await, kafka().await);
    let mut owner = inventory.owner().await;
    sqlx::raw_sql(SCHEMA).execute(&mut owner).await.unwrap();
    let order = key_in(LANE, 0);
    let speaker = orders.start(&kafka, steady()).await;
    speaker.say([order; 4]).await;
    speaker.say([key_in(OTHER_LANE, 0)]).await;
    speaker.drain().await;

    for message in naive::read(&kafka, LANE).await {
        assert_eq!(message.topic, &ORDERS_EVENTS);
        receive(&mut owner, message.envelope.sequence, message.key).await;
    }
    let applied = "SELECT sequence FROM it.naively_applied WHERE key = $1 ORDER BY sequence";
    assert_eq!(sequences(&mut owner, applied, order).await, [1, 3, 4], "3 and 4 as if 2 had never been");
    let dead = "SELECT sequence FROM it.dead_letters WHERE key = $1";
    assert_eq!(sequences(&mut owner, dead, order).await, [2]);

    let listener = inventory.start(&kafka, steady()).await;
    inventory.applies(2).await;
    // A batch later: what could be applied of the first one is.
    let speaker = orders.start(&kafka, steady()).await;
    speaker.say([key_in(OTHER_LANE, 1)]).await;
    inventory.applies(3).await;
    let applied = "SELECT sequence FROM it.applied WHERE key = $1 ORDER BY place";
    assert_eq!(sequences(&mut owner, applied, order).await, [1], "nothing later of this key is applied");
    speaker.drain().await;
    listener.drain().await;
    assert_eq!(sequences(&mut owner, applied, order).await, [1]);
}
