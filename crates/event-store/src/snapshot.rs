//! The state of a stream, written down so that only the events behind it have to be read.

use bowline_kernel::error_text;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;

/// How the states of a kind of stream are written down as snapshots.
pub struct SnapshotForm<S> {
    schema_version: u16,
    encode: fn(&S) -> Vec<u8>,
    decode: fn(&[u8]) -> serde_json::Result<S>,
}

impl<S: Serialize + DeserializeOwned> SnapshotForm<S> {
    /// JSON as serde makes it of the state. Raise `schema_version`, which counts from 1, whenever the form of the state
    /// changes, and also whenever the same events lead to another state than before: snapshots of every other version
    /// are ignored, and replaced as their streams grow.
    pub const fn json(schema_version: u16) -> Self {
        Self { schema_version, encode: encode_json, decode: decode_json }
    }
}

fn encode_json<S: Serialize>(state: &S) -> Vec<u8> {
    serde_json::to_vec(state).expect("states hold only text, numbers, lists and maps with text as keys")
}

fn decode_json<S: DeserializeOwned>(state: &[u8]) -> serde_json::Result<S> {
    serde_json::from_slice(state)
}

impl<S> SnapshotForm<S> {
    pub(crate) const fn schema_version(&self) -> i16 {
        self.schema_version.cast_signed()
    }

    /// A snapshot of `state`, which contains the events of the stream up to `version`.
    pub(crate) fn take(&self, stream_id: Uuid, version: u32, state: &S) -> Snapshot {
        let (version, state) = (version.cast_signed(), (self.encode)(state));
        let checksum = checksum(stream_id, version, self.schema_version(), &state).to_vec();
        Snapshot { stream_id, version, schema_version: self.schema_version(), state, checksum }
    }

    /// The state in a snapshot, or nothing, with a word in the log: whoever asks then reads the whole stream.
    pub(crate) fn trust(&self, snapshot: &Snapshot) -> Option<S> {
        let Snapshot { stream_id, version, schema_version, state, checksum: found } = snapshot;
        if *found != checksum(*stream_id, *version, *schema_version, state) {
            tracing::warn!(%stream_id, version, "snapshot is corrupt, the whole stream is read");
            return None;
        }
        (self.decode)(state)
            .inspect_err(|error| {
                let error = error_text(error);
                tracing::warn!(%stream_id, version, error, "snapshot cannot be decoded, the whole stream is read");
            })
            .ok()
    }
}

/// A row of the table.
pub(crate) struct Snapshot {
    pub(crate) stream_id: Uuid,
    pub(crate) version: i32,
    pub(crate) schema_version: i16,
    pub(crate) state: Vec<u8>,
    pub(crate) checksum: Vec<u8>,
}

/// Covers all that a snapshot says, so that it is not mistaken for that of another stream, version or form either. The
/// state comes last: everything before it has a fixed length.
fn checksum(stream_id: Uuid, version: i32, schema_version: i16, state: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(stream_id.as_bytes());
    hash.update(version.to_be_bytes());
    hash.update(schema_version.to_be_bytes());
    hash.update(state);
    hash.finalize().into()
}

/// Writes snapshots, one a stream and in order of stream, in one statement; only older ones are replaced. Nothing is
/// sent when there are none.
pub(crate) async fn write(connection: &mut PgConnection, snapshots: &[Snapshot]) -> Result<(), Error> {
    if snapshots.is_empty() {
        return Ok(());
    }
    let stream_ids: Vec<Uuid> = snapshots.iter().map(|snapshot| snapshot.stream_id).collect();
    let versions: Vec<i32> = snapshots.iter().map(|snapshot| snapshot.version).collect();
    let schema_versions: Vec<i16> = snapshots.iter().map(|snapshot| snapshot.schema_version).collect();
    let states: Vec<&[u8]> = snapshots.iter().map(|snapshot| snapshot.state.as_slice()).collect();
    let checksums: Vec<&[u8]> = snapshots.iter().map(|snapshot| snapshot.checksum.as_slice()).collect();
    sqlx::query!(
        "INSERT INTO event_store.snapshots AS s (stream_id, version, schema_version, state, checksum)
         SELECT * FROM unnest($1::uuid[], $2::int4[], $3::int2[], $4::bytea[], $5::bytea[])
         ON CONFLICT (stream_id) DO UPDATE
            SET version = excluded.version, schema_version = excluded.schema_version, state = excluded.state,
                checksum = excluded.checksum
          WHERE s.version < excluded.version",
        &stream_ids,
        &versions,
        &schema_versions,
        states.as_slice() as &[&[u8]],
        checksums.as_slice() as &[&[u8]],
    )
    .execute(connection)
    .await?;
    Ok(())
}
