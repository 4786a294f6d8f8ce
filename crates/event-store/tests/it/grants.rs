use bowline_event_store::append;
use sqlx::Executor as _;

use crate::stage::{Stage, event, given, stream};

#[tokio::test]
async fn a_service_cannot_change_an_event_or_remove_anything() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    given(&mut connection, stream(1), &[1]).await;

    for forbidden in [
        "UPDATE event_store.events SET payload = ''",
        "DELETE FROM event_store.events",
        "TRUNCATE event_store.events",
        "DROP TABLE event_store.events",
        "DELETE FROM event_store.snapshots",
        "TRUNCATE event_store.snapshots",
        "CREATE TABLE event_store.more ()",
    ] {
        let error = connection.execute(forbidden).await.expect_err(forbidden);
        assert_eq!(
            error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(),
            Some("42501"),
            "{forbidden}"
        );
    }
}

#[tokio::test]
async fn an_auditor_reads_and_does_nothing_else() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let rights: Vec<String> = sqlx::query_scalar(
        "SELECT relation || ' ' || privilege
           FROM unnest(ARRAY['event_store.events', 'event_store.readable_events', 'event_store.snapshots']) relation,
                unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) privilege
          WHERE has_table_privilege('bowline_auditor_role', relation, privilege) ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let expected =
        ["events", "readable_events", "snapshots"].map(|name| format!("event_store.{name} SELECT"));
    assert_eq!(rights, expected);
}

#[tokio::test]
async fn people_read_payload_and_metadata_as_json() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let event = event(stream(1), 1);
    append(&mut connection, std::slice::from_ref(&event)).await.unwrap();

    let (amount, event_id, correlation): (i64, String, Option<String>) = sqlx::query_as(
        "SELECT (payload->>'amount')::int8, metadata->>'event_id', metadata->>'correlation_id'
           FROM event_store.readable_events",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!((amount, event_id, correlation), (1, event.metadata.event_id.to_string(), None));
}
