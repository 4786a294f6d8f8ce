use std::num::NonZeroUsize;

use bowline_database::Fault;
use bowline_event_store::{Error, Streams, append, load};
use bowline_kernel::SequentialIds;
use sqlx::{Connection as _, PgConnection};

use crate::counter::{Added, CounterStream, TooMuch, context};
use crate::stage::{Stage, event, given, stream};

const PARTITION: u16 = 3;

fn streams() -> Streams<CounterStream> {
    Streams::new(NonZeroUsize::new(100).unwrap())
}

/// A batch of its own that adds `amounts` to stream 1.
async fn add(streams: &mut Streams<CounterStream>, connection: &mut PgConnection, amounts: &[u32]) {
    streams.load(connection, &[(PARTITION, stream(1))]).await.unwrap();
    streams.decide(stream(1), amounts.to_vec(), &context(&SequentialIds::default())).unwrap();
    streams.append(connection).await.unwrap();
    streams.confirm();
}

/// Streams that remember stream 1, to which a batch has added 5.
async fn remembering(connection: &mut PgConnection) -> Streams<CounterStream> {
    let mut streams = streams();
    add(&mut streams, connection, &[5]).await;
    streams
}

#[tokio::test]
async fn commands_of_one_batch_see_each_other() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let (mut streams, ids) = (streams(), SequentialIds::default());
    streams.load(&mut connection, &[(PARTITION, stream(1)), (PARTITION, stream(2))]).await.unwrap();

    let first = streams.decide(stream(1), vec![60, 1], &context(&ids)).unwrap();
    let rejected = streams.decide(stream(1), vec![60], &context(&ids));
    let last = streams.decide(stream(1), vec![39], &context(&ids)).unwrap();
    streams.decide(stream(2), vec![60], &context(&ids)).unwrap();

    assert_eq!(rejected, Err(TooMuch));
    assert_eq!(
        first.iter().map(|d| (d.version, &d.event)).collect::<Vec<_>>(),
        [(1, &Added(60)), (2, &Added(1))]
    );
    assert_eq!((last[0].version, &last[0].event), (3, &Added(39)));
    assert_eq!((*streams.state(stream(1)), streams.version(stream(1))), (100, 3));

    streams.append(&mut connection).await.unwrap();
    streams.confirm();
    let stored = load(&mut connection, &[stream(1)]).await.unwrap();
    let decided: Vec<_> = first.iter().chain(&last).map(|decided| (decided.version, decided.id)).collect();
    assert_eq!(stored.iter().map(|e| (e.version, e.metadata.event_id)).collect::<Vec<_>>(), decided);
    assert_eq!(stored[0].metadata.causation_id, Some(stream(901)));
    assert_eq!(stored[0].metadata.correlation_id, Some(stream(902)));
    assert_eq!(load(&mut connection, &[stream(2)]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_confirmed_batch_is_remembered_until_the_partition_is_forgotten() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let mut streams = remembering(&mut connection).await;

    // Another process writes. Nobody has said so, so the cache is trusted: no statement was sent.
    given(&mut connection, stream(1), &[2]).await;
    streams.load(&mut connection, &[(PARTITION, stream(1))]).await.unwrap();
    assert_eq!(streams.version(stream(1)), 1);

    // Now the executor has noticed, after it had loaded.
    streams.forget(PARTITION + 1);
    assert_eq!(streams.version(stream(1)), 1);
    streams.forget(PARTITION);
    streams.load(&mut connection, &[(PARTITION, stream(1))]).await.unwrap();
    assert_eq!((*streams.state(stream(1)), streams.version(stream(1))), (6, 2));

    add(&mut streams, &mut connection, &[1]).await;
    streams.forget(PARTITION);
    streams.forget(PARTITION);
    given(&mut connection, stream(1), &[4]).await;
    streams.load(&mut connection, &[(PARTITION, stream(1))]).await.unwrap();
    assert_eq!((*streams.state(stream(1)), streams.version(stream(1))), (8, 4));
}

#[tokio::test]
async fn a_discarded_batch_leaves_nothing_behind() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let mut streams = remembering(&mut connection).await;

    let mut transaction = connection.begin().await.unwrap();
    streams.load(&mut transaction, &[(PARTITION, stream(1))]).await.unwrap();
    streams.decide(stream(1), vec![7], &context(&SequentialIds::default())).unwrap();
    streams.append(&mut transaction).await.unwrap();
    streams.decide(stream(1), vec![8], &context(&SequentialIds::default())).unwrap();
    transaction.rollback().await.unwrap();
    streams.discard();

    // The stream is read again: what was committed counts, whatever this process had thought.
    given(&mut connection, stream(1), &[2]).await;
    streams.load(&mut connection, &[(PARTITION, stream(1))]).await.unwrap();
    assert_eq!((*streams.state(stream(1)), streams.version(stream(1))), (6, 2));
    streams.append(&mut connection).await.unwrap();
    streams.confirm();
    assert_eq!(load(&mut connection, &[stream(1)]).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_writer_that_was_not_told_is_stopped_by_the_key() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let mut streams = remembering(&mut connection).await;
    given(&mut connection, stream(1), &[2]).await;

    streams.load(&mut connection, &[(PARTITION, stream(1))]).await.unwrap();
    streams.decide(stream(1), vec![1, 1], &context(&SequentialIds::default())).unwrap();
    let error = streams.append(&mut connection).await.unwrap_err();
    assert!(matches!(error, Error::VersionTaken { .. }), "{error:?}");
}

#[tokio::test]
async fn the_least_recently_used_stream_leaves_first_and_unused_ids_take_no_room() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    for number in 1..=3 {
        given(&mut connection, stream(number), &[1]).await;
    }
    let mut streams = Streams::<CounterStream>::new(NonZeroUsize::new(2).unwrap());
    for number in [1, 2, 3, 8, 9] {
        streams.load(&mut connection, &[(PARTITION, stream(number))]).await.unwrap();
        streams.confirm();
    }
    for number in 1..=3 {
        given(&mut connection, stream(number), &[2]).await;
    }

    let all = [(PARTITION, stream(1)), (PARTITION, stream(2)), (PARTITION, stream(3))];
    streams.load(&mut connection, &all).await.unwrap();
    assert_eq!([1, 2, 3].map(|number| streams.version(stream(number))), [2, 1, 1]);
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_is_named_and_others_still_can() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let mut odd = event(stream(1), 1);
    odd.schema_version = 7;
    append(&mut connection, &[odd]).await.unwrap();
    given(&mut connection, stream(2), &[1, 3]).await;
    given(&mut connection, stream(3), &[1]).await;
    let mut streams = streams();

    let undecodable =
        streams.load(&mut connection, &[(PARTITION, stream(3)), (PARTITION, stream(1))]).await.unwrap_err();
    assert_eq!(undecodable.fault(), Fault::Refused);
    assert_eq!(
        undecodable.to_string(),
        format!("version 1 of stream {}, Added with schema version 7, cannot be decoded", stream(1))
    );
    let gap = streams.load(&mut connection, &[(PARTITION, stream(2))]).await.unwrap_err();
    assert!(matches!(gap, Error::Gap { expected: 2, found: 3, .. }), "{gap:?}");

    streams.discard();
    streams.load(&mut connection, &[(PARTITION, stream(3))]).await.unwrap();
    assert_eq!(streams.version(stream(3)), 1);
}

#[tokio::test]
#[should_panic(expected = "before their batch is confirmed")]
async fn a_batch_with_unwritten_events_cannot_be_confirmed() {
    let stage = Stage::new().await;
    let mut streams = streams();
    streams.load(&mut stage.connect().await, &[(PARTITION, stream(1))]).await.unwrap();
    streams.decide(stream(1), vec![1], &context(&SequentialIds::default())).unwrap();
    streams.confirm();
}

#[tokio::test]
#[should_panic(expected = "before anything is decided")]
async fn a_partition_cannot_be_forgotten_after_deciding_in_it() {
    let stage = Stage::new().await;
    let mut streams = streams();
    streams.load(&mut stage.connect().await, &[(PARTITION, stream(1))]).await.unwrap();
    streams.decide(stream(1), vec![1], &context(&SequentialIds::default())).unwrap();
    streams.forget(PARTITION);
}
