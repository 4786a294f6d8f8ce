//! Reading.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{Error, Metadata, StoredEvent};

/// A row of the table.
struct Row {
    stream_id: Uuid,
    version: i32,
    event_type: String,
    schema_version: i16,
    payload: Vec<u8>,
    metadata: Vec<u8>,
    recorded_at: DateTime<Utc>,
}

/// All events of `streams`, ordered by stream and version, in one statement. A stream without events adds nothing, a
/// stream named twice is read once.
pub async fn load(connection: &mut PgConnection, streams: &[Uuid]) -> Result<Vec<StoredEvent>, Error> {
    if streams.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT stream_id, version, type AS "event_type", schema_version, payload, metadata, recorded_at
             FROM event_store.events WHERE stream_id = ANY($1) ORDER BY stream_id, version"#,
        streams,
    )
    .fetch_all(connection)
    .await?;
    stored(rows, 0)
}

/// The events of `stream` after `after_version` (0: from the beginning), in order, at most `limit` of them.
pub async fn page(
    connection: &mut PgConnection,
    stream: Uuid,
    after_version: u32,
    limit: u32,
) -> Result<Vec<StoredEvent>, Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT stream_id, version, type AS "event_type", schema_version, payload, metadata, recorded_at
             FROM event_store.events WHERE stream_id = $1 AND version > $2 ORDER BY version LIMIT $3"#,
        stream,
        i32::try_from(after_version).unwrap_or(i32::MAX),
        i64::from(limit),
    )
    .fetch_all(connection)
    .await?;
    stored(rows, after_version)
}

/// The events of `stream` up to and including `version`, in order.
pub async fn load_until_version(
    connection: &mut PgConnection,
    stream: Uuid,
    version: u32,
) -> Result<Vec<StoredEvent>, Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT stream_id, version, type AS "event_type", schema_version, payload, metadata, recorded_at
             FROM event_store.events WHERE stream_id = $1 AND version <= $2 ORDER BY version"#,
        stream,
        i32::try_from(version).unwrap_or(i32::MAX),
    )
    .fetch_all(connection)
    .await?;
    stored(rows, 0)
}

/// The events of `stream` that were recorded at or before `at`, in order: what was known then.
///
/// Always a beginning of the stream without a gap: where the clocks of two replicas disagreed, the first event that
/// is later than `at` ends it.
pub async fn load_until_time(
    connection: &mut PgConnection,
    stream: Uuid,
    at: DateTime<Utc>,
) -> Result<Vec<StoredEvent>, Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT stream_id, version, type AS "event_type", schema_version, payload, metadata, recorded_at
             FROM event_store.events
            WHERE stream_id = $1
              -- Not simply recorded_at <= $2: versions order a stream, clocks do not.
              AND version < COALESCE((SELECT min(later.version) FROM event_store.events later
                                       WHERE later.stream_id = $1 AND later.recorded_at > $2), 2147483647)
            ORDER BY version"#,
        stream,
        at,
    )
    .fetch_all(connection)
    .await?;
    stored(rows, 0)
}

/// What is known beside the events at these places, by stream, in one statement; of a place where there is no event,
/// nothing. Each stream is named once.
pub async fn metadata(
    connection: &mut PgConnection,
    places: &[(Uuid, u32)],
) -> Result<HashMap<Uuid, Metadata>, Error> {
    if places.is_empty() {
        return Ok(HashMap::new());
    }
    let (streams, versions): (Vec<Uuid>, Vec<i32>) =
        places.iter().map(|(stream, version)| (*stream, version.cast_signed())).unzip();
    let rows = sqlx::query!(
        "SELECT e.stream_id, e.version, e.type AS event_type, e.metadata
           FROM event_store.events e
           JOIN unnest($1::uuid[], $2::int4[]) p(stream_id, version)
             ON e.stream_id = p.stream_id AND e.version = p.version",
        &streams,
        &versions,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let metadata =
                decoded(row.stream_id, row.version.cast_unsigned(), &row.event_type, &row.metadata)?;
            Ok((row.stream_id, metadata))
        })
        .collect()
}

/// Turns rows, ordered within each stream, into events, and checks that each stream continues after `after_version`.
fn stored(rows: Vec<Row>, after_version: u32) -> Result<Vec<StoredEvent>, Error> {
    let mut versions: HashMap<Uuid, u32> = HashMap::new();
    rows.into_iter()
        .map(|row| {
            let last = versions.entry(row.stream_id).or_insert(after_version);
            *last = following(*last, row.stream_id, row.version, &row.event_type)?;
            row.into_event()
        })
        .collect()
}

/// The version of a row, if it is the one after `last`.
pub(crate) fn following(last: u32, stream_id: Uuid, version: i32, event_type: &str) -> Result<u32, Error> {
    let (expected, found) = (last + 1, version.cast_unsigned());
    if expected == found {
        Ok(found)
    } else {
        Err(Error::Gap { stream_id, expected, found, event_type: event_type.to_owned() })
    }
}

fn decoded(stream_id: Uuid, version: u32, event_type: &str, metadata: &[u8]) -> Result<Metadata, Error> {
    serde_json::from_slice(metadata).map_err(|source| Error::UndecodableMetadata {
        stream_id,
        version,
        event_type: event_type.to_owned(),
        source,
    })
}

impl Row {
    fn into_event(self) -> Result<StoredEvent, Error> {
        let (stream_id, version, event_type) =
            (self.stream_id, self.version.cast_unsigned(), self.event_type);
        let metadata = decoded(stream_id, version, &event_type, &self.metadata)?;
        Ok(StoredEvent {
            stream_id,
            version,
            event_type,
            schema_version: self.schema_version.cast_unsigned(),
            payload: self.payload,
            metadata,
            recorded_at: self.recorded_at,
        })
    }
}
