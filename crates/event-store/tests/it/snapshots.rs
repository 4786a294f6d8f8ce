use std::cell::{Cell, RefCell};
use std::num::{NonZeroU32, NonZeroUsize};

use bowline_event_store::{Streams, load, load_until_time, load_until_version};
use bowline_kernel::SequentialIds;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::counter::{CounterStream, context};
use crate::stage::{Stage, at, stream};

const PARTITION: u16 = 3;
/// Checksums again what somebody has changed by hand, so that only the other checks can tell.
const CHECKSUM: &str = "UPDATE event_store.snapshots SET checksum =
    sha256(uuid_send(stream_id) || int4send(version) || int2send(schema_version) || state)";

/// Streams that nothing is known of yet, with a snapshot every five events.
fn streams<const FORM: u16>() -> Streams<CounterStream<FORM>> {
    Streams::new(NonZeroUsize::new(100).unwrap()).snapshot_every(NonZeroU32::new(5).unwrap())
}

/// Adds to a stream, in batches of these amounts.
async fn add(connection: &mut PgConnection, id: Uuid, batches: &[&[u32]]) {
    let (mut streams, ids) = (streams::<1>(), SequentialIds::default());
    for amounts in batches {
        streams.load(connection, &[(PARTITION, id)]).await.unwrap();
        streams.decide(id, amounts.to_vec(), &context(&ids)).unwrap();
        streams.append(connection).await.unwrap();
        streams.confirm();
    }
}

/// State and version of a stream, as somebody reads them who knows nothing of it.
async fn read<const FORM: u16>(connection: &mut PgConnection, id: Uuid) -> (u32, u32) {
    let mut streams = streams::<FORM>();
    streams.load(connection, &[(PARTITION, id)]).await.unwrap();
    (*streams.state(id), streams.version(id))
}

/// Stream, version and state of every snapshot.
async fn snapshots(connection: &mut PgConnection) -> Vec<(Uuid, i32, String)> {
    sqlx::query_as(
        "SELECT stream_id, version, convert_from(state, 'UTF8') FROM event_store.snapshots ORDER BY stream_id",
    )
    .fetch_all(connection)
    .await
    .unwrap()
}

/// A stream of twelve events that add up to 12, and a snapshot behind the tenth that says 90: which of the two was read
/// shows in the state.
async fn twelve_with_a_lie(connection: &mut PgConnection) {
    add(connection, stream(1), &[&[1; 4], &[1; 6], &[1; 2]]).await;
    assert_eq!(snapshots(connection).await, [(stream(1), 10, "10".to_owned())]);
    change(connection, "state = '90'").await;
}

/// Changes the snapshot and its checksum.
async fn change(connection: &mut PgConnection, how: &str) {
    spoil(connection, how).await;
    sqlx::query(CHECKSUM).execute(connection).await.unwrap();
}

/// Changes the snapshot and leaves its checksum.
async fn spoil(connection: &mut PgConnection, how: &str) {
    let sql = format!("UPDATE event_store.snapshots SET {how}");
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

#[tokio::test]
async fn a_long_stream_is_read_from_its_snapshot_and_the_events_behind_it() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    twelve_with_a_lie(&mut connection).await;
    add(&mut connection, stream(2), &[&[2; 4]]).await;
    add(&mut connection, stream(4), &[&[3; 5]]).await;

    let mut streams = streams::<1>();
    let all = [1, 2, 3, 4].map(|number| (PARTITION, stream(number)));
    streams.load(&mut connection, &all).await.unwrap();
    let read = [1, 2, 3, 4].map(|number| (*streams.state(stream(number)), streams.version(stream(number))));
    assert_eq!(
        read,
        [(92, 12), (8, 4), (0, 0), (15, 5)],
        "the snapshot was trusted, the others have none or all"
    );
}

#[tokio::test]
async fn the_streams_of_a_batch_each_have_their_snapshot_and_the_next_one_replaces_it() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let (mut streams, ids) = (streams::<1>(), SequentialIds::default());
    let all = [3, 1, 2].map(|number| (PARTITION, stream(number)));
    for amounts in [vec![1; 4], vec![1; 3], vec![1; 1], vec![1; 12]] {
        streams.load(&mut connection, &all).await.unwrap();
        for (nth, (_, id)) in all.iter().enumerate() {
            let amounts = amounts.iter().copied().skip(nth).collect();
            streams.decide(*id, amounts, &context(&ids)).unwrap();
        }
        streams.append(&mut connection).await.unwrap();
        streams.confirm();
    }
    let expected =
        [(1, 16), (2, 13), (3, 20)].map(|(number, version)| (stream(number), version, version.to_string()));
    assert_eq!(snapshots(&mut connection).await, expected);
}

#[tokio::test]
async fn a_snapshot_is_written_with_the_events_or_not_at_all() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    let mut transaction = connection.begin().await.unwrap();
    add(&mut transaction, stream(1), &[&[1; 5]]).await;
    assert_eq!(snapshots(&mut transaction).await.len(), 1);
    transaction.rollback().await.unwrap();
    assert_eq!(snapshots(&mut connection).await, []);
    assert_eq!(read::<1>(&mut connection, stream(1)).await, (0, 0));
}

#[tokio::test]
async fn a_newer_snapshot_is_not_replaced() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    twelve_with_a_lie(&mut connection).await;
    change(&mut connection, "version = 1000").await;
    add(&mut connection, stream(1), &[&[1; 3]]).await;
    assert_eq!(snapshots(&mut connection).await, [(stream(1), 1000, "90".to_owned())]);
}

#[tokio::test]
async fn streams_without_snapshots_neither_write_nor_read_any() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    twelve_with_a_lie(&mut connection).await;
    assert_eq!(read::<0>(&mut connection, stream(1)).await, (12, 12));
    let mut streams = streams::<0>();
    streams.load(&mut connection, &[(PARTITION, stream(2))]).await.unwrap();
    streams.decide(stream(2), vec![1; 7], &context(&SequentialIds::default())).unwrap();
    streams.append(&mut connection).await.unwrap();
    assert_eq!(snapshots(&mut connection).await.len(), 1);
}

#[tokio::test]
async fn a_corrupt_snapshot_is_ignored() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    twelve_with_a_lie(&mut connection).await;
    assert_eq!(
        read::<1>(&mut connection, stream(1)).await,
        (92, 12),
        "as long as it passes its checks it is trusted"
    );
    for spoilt in [
        "state = set_byte(state, 1, get_byte(state, 1) + 1)",
        "state = state || ' '",
        "checksum = set_byte(checksum, 31, (get_byte(checksum, 31) + 1) % 256)",
        "version = 11",
        // The snapshot of another stream.
        "checksum = sha256(uuid_send(gen_random_uuid()) || int4send(version) || int2send(schema_version) || state)",
    ] {
        let mut transaction = connection.begin().await.unwrap();
        spoil(&mut transaction, spoilt).await;
        assert_eq!(read::<1>(&mut transaction, stream(1)).await, (12, 12), "{spoilt}");
        transaction.rollback().await.unwrap();
    }
    change(&mut connection, "state = 'ninety'").await;
    assert_eq!(read::<1>(&mut connection, stream(1)).await, (12, 12), "it cannot be decoded");
}

#[tokio::test]
async fn a_snapshot_of_another_form_is_ignored() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    twelve_with_a_lie(&mut connection).await;
    assert_eq!(read::<2>(&mut connection, stream(1)).await, (12, 12), "an older one");
    change(&mut connection, "schema_version = 2").await;
    assert_eq!(read::<1>(&mut connection, stream(1)).await, (12, 12), "a newer one");
    assert_eq!(read::<2>(&mut connection, stream(1)).await, (92, 12), "whoever knows its form trusts it");
}

#[tokio::test]
async fn a_snapshot_beyond_its_stream_is_ignored() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    twelve_with_a_lie(&mut connection).await;
    change(&mut connection, "version = 12").await;
    assert_eq!(read::<1>(&mut connection, stream(1)).await, (90, 12), "nothing is behind it");
    for version in [13, 1000] {
        change(&mut connection, &format!("version = {version}")).await;
        assert_eq!(read::<1>(&mut connection, stream(1)).await, (12, 12), "version {version}");
    }
    spoil(&mut connection, "stream_id = '00000000-0000-7000-8000-000000000009'").await;
    change(&mut connection, "version = 1").await;
    assert_eq!(read::<1>(&mut connection, stream(9)).await, (0, 0), "of a stream without events");
}

#[tokio::test]
async fn what_was_known_once_is_read_from_events_alone() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    twelve_with_a_lie(&mut connection).await;
    for version in [3, 10, 12] {
        let events = load_until_version(&mut connection, stream(1), version).await.unwrap();
        assert_eq!(
            events.iter().map(|event| event.version).collect::<Vec<_>>(),
            (1..=version).collect::<Vec<_>>()
        );
    }
    assert_eq!(load_until_time(&mut connection, stream(1), at(0)).await.unwrap(), []);
    assert_eq!(load_until_time(&mut connection, stream(1), at(1)).await.unwrap().len(), 12);
    assert_eq!(load(&mut connection, &[stream(1)]).await.unwrap().len(), 12);
}

#[test]
fn by_snapshot_and_by_all_events_a_stream_is_the_same() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stage = runtime.block_on(Stage::new());
    let connection = RefCell::new(runtime.block_on(stage.connect()));
    let (number, ids) = (Cell::new(0), SequentialIds::default());
    let batches = prop::collection::vec(prop::collection::vec(0_u32..=2, 0..=7), 0..=6);
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&(batches, 1_u32..=9), |(batches, every)| {
        number.set(number.get() + 1);
        let (id, mut connection) = (stream(number.get()), connection.borrow_mut());
        let [by_snapshot, by_events] = runtime.block_on(async {
            for amounts in &batches {
                // Whoever writes next begins with what the one before has left.
                let mut streams = streams::<1>().snapshot_every(NonZeroU32::new(every).unwrap());
                streams.load(&mut connection, &[(PARTITION, id)]).await.unwrap();
                streams.decide(id, amounts.clone(), &context(&ids)).unwrap();
                streams.append(&mut connection).await.unwrap();
            }
            [read::<1>(&mut connection, id).await, read::<0>(&mut connection, id).await]
        });
        let amounts: Vec<u32> = batches.concat();
        let length = u32::try_from(amounts.len()).unwrap();
        prop_assert_eq!(by_events, (amounts.iter().sum(), length));
        prop_assert_eq!(by_snapshot, by_events);
        let taken = runtime.block_on(snapshots(&mut connection)).iter().any(|(of, ..)| *of == id);
        prop_assert_eq!(taken, length >= every);
        Ok(())
    });
    outcome.unwrap();
}
