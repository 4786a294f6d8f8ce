//! A database of its own for each test, and events to put into it.

use bowline_event_store::{MIGRATOR, Metadata, NewEvent, append};
use bowline_kernel::EventId;
use bowline_test_support::ServiceDatabase;
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

/// A database with the roles of production and the migrations of this crate.
pub(crate) struct Stage(ServiceDatabase);

impl Stage {
    pub(crate) async fn new() -> Self {
        let database = ServiceDatabase::create("event_store").await;
        bowline_database::migrate(&database.urls().owner, &[("event-store", &MIGRATOR)]).await.unwrap();
        Self(database)
    }

    /// A connection with the rights of a service.
    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.0.urls().runtime).await.unwrap()
    }
}

/// A stream id that is the same in every run.
pub(crate) fn stream(number: u64) -> Uuid {
    Uuid::from_u64_pair(0x7000, 0x8000_0000_0000_0000 | number)
}

/// `seconds` after the beginning of time.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

/// An event with a payload that names its stream and version.
pub(crate) fn event(stream_id: Uuid, version: u32) -> NewEvent {
    NewEvent {
        stream_id,
        version,
        event_type: "Added",
        schema_version: 2,
        payload: br#"{"amount":1}"#.to_vec(),
        metadata: Metadata {
            event_id: EventId::new(Uuid::from_u128(stream_id.as_u128() ^ u128::from(version) << 64)),
            causation_id: Some(stream(900)),
            correlation_id: None,
            traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        },
        recorded_at: at(i64::from(version)),
    }
}

/// Appends events of `versions` to `stream`, in a transaction of their own.
pub(crate) async fn given(connection: &mut PgConnection, stream_id: Uuid, versions: &[u32]) {
    let events: Vec<NewEvent> = versions.iter().map(|&version| event(stream_id, version)).collect();
    append(connection, &events).await.unwrap();
}
