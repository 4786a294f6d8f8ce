use std::collections::HashMap;

use bowline_database::Fault;
use bowline_event_store::{
    Error, StoredEvent, append, load, load_until_time, load_until_version, metadata, page,
};

use crate::stage::{Stage, at, event, given, stream};

fn versions(events: &[StoredEvent]) -> Vec<u32> {
    events.iter().map(|event| event.version).collect()
}

#[tokio::test]
async fn many_streams_come_in_order_of_stream_and_version() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    given(&mut connection, stream(2), &[1]).await;
    given(&mut connection, stream(1), &[1, 2]).await;
    given(&mut connection, stream(2), &[2]).await;
    given(&mut connection, stream(3), &[1]).await;

    let events = load(&mut connection, &[stream(2), stream(9), stream(1), stream(2)]).await.unwrap();

    let order: Vec<_> = events.iter().map(|event| (event.stream_id, event.version)).collect();
    assert_eq!(order, [(stream(1), 1), (stream(1), 2), (stream(2), 1), (stream(2), 2)]);
    assert!(load(&mut connection, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_is_known_beside_events_is_found_by_their_places() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    given(&mut connection, stream(1), &[1, 2]).await;
    given(&mut connection, stream(2), &[1]).await;

    let places = [(stream(1), 2), (stream(2), 2), (stream(9), 1)];
    let found = metadata(&mut connection, &places).await.unwrap();

    let second = load(&mut connection, &[stream(1)]).await.unwrap().remove(1);
    assert_eq!(found, HashMap::from([(stream(1), second.metadata)]), "nothing of events that are not there");
    assert!(metadata(&mut connection, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn pages_follow_each_other_without_a_gap() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    given(&mut connection, stream(1), &[1, 2, 3, 4, 5]).await;

    assert_eq!(versions(&page(&mut connection, stream(1), 0, 2).await.unwrap()), [1, 2]);
    assert_eq!(versions(&page(&mut connection, stream(1), 2, 2).await.unwrap()), [3, 4]);
    assert_eq!(versions(&page(&mut connection, stream(1), 4, 2).await.unwrap()), [5]);
    assert!(page(&mut connection, stream(1), 5, 2).await.unwrap().is_empty());
    assert!(page(&mut connection, stream(1), u32::MAX, u32::MAX).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_stream_can_be_read_as_of_a_version() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    given(&mut connection, stream(1), &[1, 2, 3]).await;

    for (until, expected) in [(0, vec![]), (2, vec![1, 2]), (3, vec![1, 2, 3]), (u32::MAX, vec![1, 2, 3])] {
        assert_eq!(versions(&load_until_version(&mut connection, stream(1), until).await.unwrap()), expected);
    }
}

#[tokio::test]
async fn a_stream_can_be_read_as_of_a_time() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    given(&mut connection, stream(1), &[1, 2, 3]).await;

    for (until, expected) in [(0, vec![]), (1, vec![1]), (2, vec![1, 2]), (9, vec![1, 2, 3])] {
        assert_eq!(
            versions(&load_until_time(&mut connection, stream(1), at(until)).await.unwrap()),
            expected
        );
    }
}

#[tokio::test]
async fn a_time_never_cuts_a_hole_into_a_stream() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let mut events = [event(stream(1), 1), event(stream(1), 2), event(stream(1), 3)];
    events[1].recorded_at = at(10); // by a replica whose clock is ahead
    append(&mut connection, &events).await.unwrap();

    assert_eq!(versions(&load_until_time(&mut connection, stream(1), at(5)).await.unwrap()), [1]);
    assert_eq!(versions(&load_until_time(&mut connection, stream(1), at(10)).await.unwrap()), [1, 2, 3]);
}

#[tokio::test]
async fn a_missing_version_is_named() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    given(&mut connection, stream(1), &[1, 2]).await;
    given(&mut connection, stream(2), &[1, 3]).await;
    given(&mut connection, stream(3), &[2]).await;

    let error = load(&mut connection, &[stream(1), stream(2)]).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Refused);
    assert_eq!(
        error.to_string(),
        format!("stream {} has no event of version 2: the next one, Added, has version 3", stream(2))
    );
    assert!(matches!(
        load(&mut connection, &[stream(3)]).await.unwrap_err(),
        Error::Gap { expected: 1, found: 2, .. }
    ));
    assert!(matches!(
        page(&mut connection, stream(2), 1, 10).await.unwrap_err(),
        Error::Gap { expected: 2, found: 3, .. }
    ));
}
