use bowline_database::Fault;
use bowline_event_store::{Error, append, load};
use sqlx::Connection as _;

use crate::stage::{Stage, event, given, stream};

#[tokio::test]
async fn events_of_many_streams_are_read_back_as_they_were_written() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let events: Vec<_> =
        (1..=1_000).flat_map(|number| (1..=3).map(move |version| event(stream(number), version))).collect();

    append(&mut connection, &events).await.unwrap();

    let ids: Vec<_> = (1..=1_000).rev().map(stream).collect();
    let stored = load(&mut connection, &ids).await.unwrap();
    assert_eq!(stored.len(), events.len());
    for (stored, event) in stored.iter().zip(&events) {
        assert_eq!((stored.stream_id, stored.version), (event.stream_id, event.version));
        assert_eq!(
            (stored.event_type.as_str(), stored.schema_version),
            (event.event_type, event.schema_version)
        );
        assert_eq!((&stored.payload, &stored.metadata), (&event.payload, &event.metadata));
        assert_eq!(stored.recorded_at, event.recorded_at);
    }
}

#[tokio::test]
async fn nothing_to_append_is_no_error() {
    let stage = Stage::new().await;
    append(&mut stage.connect().await, &[]).await.unwrap();
}

#[tokio::test]
async fn a_version_that_is_taken_fails_the_whole_statement() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    given(&mut connection, stream(1), &[1, 2]).await;

    // A writer that did not see version 2: with ON CONFLICT DO NOTHING its version 3 would be inserted alone.
    let late = [event(stream(2), 1), event(stream(1), 2), event(stream(1), 3)];
    let error = append(&mut connection, &late).await.unwrap_err();

    let Error::VersionTaken { detail, .. } = &error else { panic!("another error: {error:?}") };
    assert!(detail.contains(&format!("({}, 2)", stream(1))), "{detail}");
    assert_eq!(error.fault(), Fault::Bug);
    let stored = load(&mut connection, &[stream(1), stream(2)]).await.unwrap();
    assert_eq!(stored.iter().map(|event| event.version).collect::<Vec<_>>(), [1, 2]);
}

#[tokio::test]
async fn a_version_beyond_what_can_be_stored_is_refused() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    for version in [0, u32::MAX] {
        let error = append(&mut connection, &[event(stream(1), version)]).await.unwrap_err();
        assert_eq!(error.fault(), Fault::Refused, "version {version}");
    }
}

#[tokio::test]
async fn events_belong_to_the_callers_transaction() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let mut transaction = connection.begin().await.unwrap();
    append(&mut transaction, &[event(stream(1), 1)]).await.unwrap();
    transaction.rollback().await.unwrap();
    assert!(load(&mut connection, &[stream(1)]).await.unwrap().is_empty());
}
