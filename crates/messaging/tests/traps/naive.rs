//! What the naive mechanisms share: a table of messages with a position, and the topic as anybody may read it.

use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_database::Database;
use bowline_messaging::tail::{From, Message, Tail};
use bowline_messaging::{KafkaOptions, LaneId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::stage::Service;

/// A position is given when a row is written, not when it is committed.
const OUTBOX: &str = "CREATE TABLE it.outbox (
        position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
        version integer NOT NULL,
        published boolean NOT NULL DEFAULT false);
    GRANT SELECT, INSERT, UPDATE ON it.outbox TO bowline_service";

/// Makes the naive outbox.
pub(crate) async fn create_outbox(service: &Service) {
    sqlx::raw_sql(OUTBOX).execute(&mut service.owner().await).await.unwrap();
}

/// Writes a message that carries this version of its aggregate.
pub(crate) async fn append(connection: &mut PgConnection, version: i32) {
    sqlx::query("INSERT INTO it.outbox (version) VALUES ($1)")
        .bind(version)
        .execute(connection)
        .await
        .unwrap();
}

/// For comparison: the sequences and keys of a lane behind a sequence, as the relay reads them.
pub(crate) async fn behind(database: &Database, lane: LaneId, sequence: i64) -> Vec<(i64, Uuid)> {
    sqlx::query_as(
        "SELECT sequence, key FROM messaging.outbox WHERE lane = $1 AND sequence > $2 ORDER BY sequence",
    )
    .bind(lane)
    .bind(sequence)
    .fetch_all(&mut *database.acquire().await.unwrap())
    .await
    .unwrap()
}

/// What lies on a partition of the topic, repetitions included, in the order in which every consumer meets it.
pub(crate) async fn read(kafka: &KafkaOptions, partition: u16) -> Vec<Message> {
    let mut messages =
        Tail::open(kafka, &[&ORDERS_EVENTS], From::Beginning).await.unwrap().read_to_end().await;
    messages.retain(|message| message.partition == partition);
    messages
}

/// The sequences that lie on a partition of the topic.
pub(crate) async fn sequences(kafka: &KafkaOptions, partition: u16) -> Vec<i64> {
    read(kafka, partition).await.iter().map(|message| message.envelope.sequence).collect()
}
