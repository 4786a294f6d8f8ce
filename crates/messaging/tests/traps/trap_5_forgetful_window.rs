//! A table of the messages seen, kept for a while, forgets: a replay behind its window takes effect twice.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::broker::Speaker;
use crate::naive;
use crate::stage::{Service, kafka, steady};

const LANE: u16 = 2;
const SCHEMA: &str = "CREATE TABLE it.seen (id uuid PRIMARY KEY, seen_at timestamptz NOT NULL);
    CREATE TABLE it.effects (id uuid NOT NULL)";

/// Applies a message unless it was seen within the last seven days.
async fn receive(connection: &mut PgConnection, id: Uuid, now: DateTime<Utc>) {
    sqlx::query("DELETE FROM it.seen WHERE seen_at < $1")
        .bind(now - TimeDelta::days(7))
        .execute(&mut *connection)
        .await
        .unwrap();
    sqlx::query(
        "WITH first AS (INSERT INTO it.seen VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id)
         INSERT INTO it.effects SELECT id FROM first",
    )
    .bind(id)
    .bind(now)
    .execute(connection)
    .await
    .unwrap();
}

#[tokio::test]
async fn a_replay_takes_effect_twice_behind_a_window_but_never_behind_a_watermark() {
    let (inventory, kafka) = (Service::inventory().await, kafka().await);
    let replica = inventory.start(&kafka, steady()).await;
    replica.node.topics_ready().await;
    let speaker = Speaker::new(&kafka);
    speaker.say(LANE, 1..=3).await;
    inventory.applies(3).await;

    let mut naive = inventory.owner().await;
    sqlx::raw_sql(SCHEMA).execute(&mut naive).await.unwrap();
    let messages = naive::read(&kafka, LANE).await;
    for (days, effects) in [(0, 3), (6, 3), (8, 6)] {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(days);
        for message in &messages {
            receive(&mut naive, message.envelope.id, now).await;
        }
        let found: i64 =
            sqlx::query_scalar("SELECT count(*) FROM it.effects").fetch_one(&mut naive).await.unwrap();
        assert_eq!(found, effects, "effects of three messages, replayed after {days} days");
    }

    // Sent again, and then read again from the beginning by whoever starts next.
    speaker.say(LANE, 1..=4).await;
    assert_eq!(inventory.applies(4).await, [(LANE.cast_signed(), (1..=4).collect())].into());
    replica.drain().await;
    sqlx::query("UPDATE messaging.positions SET next_offset = 0")
        .execute(&mut inventory.connect().await)
        .await
        .unwrap();
    let replica = inventory.start(&kafka, steady()).await;
    speaker.say(LANE, [5]).await;
    assert_eq!(inventory.applies(5).await, [(LANE.cast_signed(), (1..=5).collect())].into());
    replica.drain().await;
    let times = "SELECT count(*) FROM information_schema.columns
                  WHERE table_schema = 'messaging' AND table_name = 'watermarks' AND data_type LIKE 'time%'";
    assert_eq!(inventory.number(times).await, 0, "there is no age at which a watermark could be forgotten");
}
