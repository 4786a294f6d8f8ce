//! Writing.

use bowline_database::sqlstate;
use sqlx::PgConnection;

use crate::{Error, NewEvent};

/// Appends `events`, of any number of streams, in one statement; nothing is sent when there are none.
///
/// All are written or the statement fails, and with it the caller's transaction. There is no `ON CONFLICT`: a version
/// that is there already is [`Error::VersionTaken`]. The caller gives the versions; that they follow those stored is
/// the caller's duty, under the lock under which it loaded them.
pub async fn append(connection: &mut PgConnection, events: &[NewEvent]) -> Result<(), Error> {
    if events.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::with_capacity(events.len());
    for event in events {
        columns.push(event);
    }
    let appended = columns.insert(connection).await.map_err(|error| {
        let detail = detail_of(&error);
        let error = bowline_database::Error::from(error);
        match error.sqlstate().as_deref() {
            Some(sqlstate::UNIQUE_VIOLATION) => Error::VersionTaken { detail, source: error },
            _ => Error::Database(error),
        }
    })?;
    let expected = events.len() as u64;
    if appended == expected { Ok(()) } else { Err(Error::Incomplete { expected, appended }) }
}

/// The events turned on their side: one array per column.
struct Columns<'a> {
    stream_ids: Vec<uuid::Uuid>,
    versions: Vec<i32>,
    types: Vec<&'a str>,
    schema_versions: Vec<i16>,
    payloads: Vec<&'a [u8]>,
    metadata: Vec<Vec<u8>>,
    recorded_at: Vec<chrono::DateTime<chrono::Utc>>,
}

impl<'a> Columns<'a> {
    fn with_capacity(rows: usize) -> Self {
        Self {
            stream_ids: Vec::with_capacity(rows),
            versions: Vec::with_capacity(rows),
            types: Vec::with_capacity(rows),
            schema_versions: Vec::with_capacity(rows),
            payloads: Vec::with_capacity(rows),
            metadata: Vec::with_capacity(rows),
            recorded_at: Vec::with_capacity(rows),
        }
    }

    /// A version beyond what the column holds turns negative here, and the table refuses it.
    fn push(&mut self, event: &'a NewEvent) {
        self.stream_ids.push(event.stream_id);
        self.versions.push(event.version.cast_signed());
        self.types.push(event.event_type);
        self.schema_versions.push(event.schema_version.cast_signed());
        self.payloads.push(&event.payload);
        self.metadata
            .push(serde_json::to_vec(&event.metadata).expect("ids and a text always have a JSON form"));
        self.recorded_at.push(event.recorded_at);
    }

    async fn insert(&self, connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
        let done = sqlx::query!(
            "INSERT INTO event_store.events (stream_id, version, type, schema_version, payload, metadata, recorded_at)
             SELECT * FROM unnest($1::uuid[], $2::int4[], $3::text[], $4::int2[], $5::bytea[], $6::bytea[],
                                  $7::timestamptz[])",
            &self.stream_ids,
            &self.versions,
            self.types.as_slice() as &[&str],
            &self.schema_versions,
            self.payloads.as_slice() as &[&[u8]],
            &self.metadata,
            &self.recorded_at,
        )
        .execute(connection)
        .await?;
        Ok(done.rows_affected())
    }
}

fn detail_of(error: &sqlx::Error) -> String {
    error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>())
        .and_then(sqlx::postgres::PgDatabaseError::detail)
        .unwrap_or("the server does not say which")
        .to_owned()
}
