//! What a source has said can be read from it again, a page at a time.

use bowline_contracts::topics::ORDERS_EVENTS;
use bowline_messaging::{LaneHead, LaneReadError, LaneReader, Outgoing};
use bytes::Bytes;

use crate::stage::{Replica, Service, kafka, key_in, message, steady};

const TOPIC: &str = ORDERS_EVENTS.name;

/// A source whose lane 3 holds messages with payloads of these sizes.
async fn source(sizes: &[usize]) -> (Service, Replica, LaneReader) {
    let (orders, mut kafka) = (Service::orders().await, kafka().await);
    kafka.message_bytes_max = 4 << 20;
    let registered = orders.register(&kafka, steady()).await;
    let (database, outbox) = (registered.database(), registered.outbox());
    let mut transaction = database.begin().await.unwrap();
    let of_size = |size: &usize| Outgoing {
        payload: Bytes::from(vec![7; *size]),
        ..message(&ORDERS_EVENTS, key_in(3, 0))
    };
    outbox.append(&mut transaction, sizes.iter().map(of_size).collect()).await.unwrap();
    transaction.commit().await.unwrap();
    let replica = orders.start(&kafka, steady()).await;
    let reader = replica.lane_reader().await;
    (orders, replica, reader)
}

/// The sequences of one page.
async fn page(reader: &LaneReader, after: i64, up_to: i64) -> Vec<i64> {
    let read = reader.read(TOPIC, 3, after, up_to).await.unwrap();
    read.into_iter().map(|message| message.envelope.sequence).collect()
}

#[tokio::test]
async fn a_page_is_bounded_by_its_messages() {
    let (_orders, replica, reader) = source(&[4; 700]).await;
    assert_eq!(page(&reader, 0, 3).await, [1, 2, 3]);
    assert_eq!(page(&reader, 0, 700).await, (1..=500).collect::<Vec<_>>());
    assert_eq!(page(&reader, 500, 700).await, (501..=700).collect::<Vec<_>>());
    let read = reader.read(TOPIC, 3, 699, 700).await.unwrap();
    assert_eq!((read[0].key, read[0].envelope.source.as_str()), (key_in(3, 0), "orders"));
    assert_eq!(read[0].payload, Bytes::from_static(&[7; 4]));
    replica.drain().await;
}

#[tokio::test]
async fn a_page_is_bounded_by_its_bytes_but_never_empty() {
    let (_orders, replica, reader) = source(&[500 << 10, 500 << 10, 500 << 10, 3 << 20, 4]).await;
    assert_eq!(page(&reader, 0, 5).await, [1, 2]);
    assert_eq!(page(&reader, 2, 5).await, [3]);
    assert_eq!(page(&reader, 3, 5).await, [4], "larger than a page by itself");
    assert_eq!(page(&reader, 4, 5).await, [5]);
    replica.drain().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_told_apart() {
    let (orders, replica, reader) = source(&[4; 5]).await;
    let unknown = reader.read("orders.commands.v9", 3, 0, 1).await.unwrap_err();
    assert!(matches!(unknown, LaneReadError::Unknown { .. }), "{unknown:?}");
    let unknown = reader.heads(TOPIC, &[3, 99]).await.unwrap_err();
    assert!(matches!(unknown, LaneReadError::Unknown { partition: 99, .. }), "{unknown:?}");
    let ahead = reader.read(TOPIC, 3, 4, 6).await.unwrap_err();
    assert!(matches!(ahead, LaneReadError::Ahead { last: 5, .. }), "{ahead:?}");

    let mut owner = orders.owner().await;
    sqlx::query("DELETE FROM messaging.outbox WHERE sequence = 4").execute(&mut owner).await.unwrap();
    assert_eq!(page(&reader, 2, 5).await, [3], "what lies behind a hole is not passed off as what follows");
    let gone = reader.read(TOPIC, 3, 3, 5).await.unwrap_err();
    assert!(matches!(gone, LaneReadError::Gone { first: 4 }), "{gone:?}");
    replica.drain().await;
}

#[tokio::test]
async fn heads_tell_what_was_given_out_and_what_was_published() {
    let (orders, replica, reader) = source(&[4; 5]).await;
    orders.number_becomes("SELECT max(sequence) FROM messaging.published", 5).await;
    let mut owner = orders.owner().await;
    let current = "SELECT incarnation FROM messaging.current_incarnation";
    let incarnation: uuid::Uuid = sqlx::query_scalar(current).fetch_one(&mut owner).await.unwrap();
    let (found, mut heads) = reader.heads(TOPIC, &[3, 2]).await.unwrap();
    heads.sort_unstable_by_key(|head| head.partition);
    assert_eq!(found, incarnation);
    let expected =
        [(2, 0, 0), (3, 5, 5)].map(|(partition, last, published)| LaneHead { partition, last, published });
    assert_eq!(heads, expected);
    replica.drain().await;
}
