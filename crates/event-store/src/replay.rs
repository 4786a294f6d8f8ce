//! From stored events, and snapshots where there are any, to states.

use std::collections::HashMap;

use bowline_fault_points::{Sabotage, is_broken};
use bowline_kernel::Decider;
use bowline_kernel::stored::Stored as _;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::load::following;
use crate::snapshot::{Snapshot, SnapshotForm};
use crate::{Error, EventOf, Persistent, StateOf};

/// A stream after the last event that is known of it.
pub(crate) struct Stream<S> {
    pub(crate) partition: u16,
    pub(crate) version: u32,
    pub(crate) state: S,
}

impl<S> Stream<S> {
    /// A stream without events.
    pub(crate) fn initial<P>(partition: u16) -> Self
    where
        P: Persistent,
        P::Decider: Decider<State = S>,
    {
        Self { partition, version: 0, state: P::Decider::initial() }
    }

    pub(crate) fn apply<P>(&mut self, event: &EventOf<P>)
    where
        P: Persistent,
        P::Decider: Decider<State = S>,
    {
        let state = std::mem::replace(&mut self.state, P::Decider::initial());
        self.state = P::Decider::evolve(state, event);
        self.version += 1;
    }

    /// Applies a stored event, which must be the next one.
    fn fold<P>(
        &mut self,
        stream_id: Uuid,
        version: i32,
        event_type: &str,
        schema_version: i16,
        payload: &[u8],
    ) -> Result<(), Error>
    where
        P: Persistent,
        P::Decider: Decider<State = S>,
    {
        let version = following(self.version, stream_id, version, event_type)?;
        let schema_version = schema_version.cast_unsigned();
        match EventOf::<P>::decode(event_type, schema_version, payload) {
            Ok(event) => self.apply::<P>(&event),
            Err(source) => {
                let event_type = event_type.to_owned();
                return Err(Error::Undecodable { stream_id, version, event_type, schema_version, source });
            }
        }
        Ok(())
    }
}

/// The streams of one kind that are being read.
type Missing<P> = HashMap<Uuid, Stream<StateOf<P>>>;

/// Reads `streams`, which are initial, up to their last events. One statement, and a second one for the streams whose
/// snapshot cannot be trusted.
pub(crate) async fn replay<P: Persistent>(
    connection: &mut PgConnection,
    streams: &mut Missing<P>,
) -> Result<(), Error> {
    let ids: Vec<Uuid> = streams.keys().copied().collect();
    match P::SNAPSHOTS {
        None => replay_all::<P>(connection, streams, &ids).await,
        Some(form) => {
            let distrusted = replay_behind_snapshots::<P>(connection, streams, &ids, &form).await?;
            if distrusted.is_empty() {
                Ok(())
            } else {
                replay_all::<P>(connection, streams, &distrusted).await
            }
        }
    }
}

/// Folds all stored events of `ids` into their streams.
async fn replay_all<P: Persistent>(
    connection: &mut PgConnection,
    streams: &mut Missing<P>,
    ids: &[Uuid],
) -> Result<(), Error> {
    // Without metadata and time: no decision depends on them, and they are half of the bytes.
    let rows = sqlx::query!(
        r#"SELECT stream_id, version, type AS "event_type", schema_version, payload
             FROM event_store.events WHERE stream_id = ANY($1) ORDER BY stream_id, version"#,
        ids,
    )
    .fetch_all(connection)
    .await?;
    for row in rows {
        let stream = streams.get_mut(&row.stream_id).expect(ONLY_ASKED);
        stream.fold::<P>(row.stream_id, row.version, &row.event_type, row.schema_version, &row.payload)?;
    }
    Ok(())
}

/// Begins each stream with its snapshot, if it has one of this form, and folds the events behind it. Returns the
/// streams, initial as they were, whose snapshot cannot be trusted.
async fn replay_behind_snapshots<P: Persistent>(
    connection: &mut PgConnection,
    streams: &mut Missing<P>,
    ids: &[Uuid],
    form: &SnapshotForm<StateOf<P>>,
) -> Result<Vec<Uuid>, Error> {
    // The event that a snapshot was taken behind is read as well, and carries the state: a stream that lacks it does
    // not reach as far as its snapshot says.
    let mut rows = sqlx::query_as!(
        Row,
        r#"SELECT w.stream_id AS "stream_id!", s.version AS "snapshot_version?", s.schema_version AS "snapshot_form?",
                  CASE WHEN s.schema_version = $2 AND s.version = e.version THEN s.state END AS state,
                  CASE WHEN s.schema_version = $2 AND s.version = e.version THEN s.checksum END AS checksum,
                  e.version AS "version?", e.type AS "event_type?", e.schema_version AS "schema_version?",
                  e.payload AS "payload?"
             FROM unnest($1::uuid[]) w(stream_id)
             LEFT JOIN event_store.snapshots s ON s.stream_id = w.stream_id
             LEFT JOIN event_store.events e ON e.stream_id = w.stream_id
                  AND e.version >= CASE WHEN s.schema_version = $2 THEN s.version ELSE 1 END
            ORDER BY w.stream_id, e.version"#,
        ids,
        form.schema_version(),
    )
    .fetch_all(connection)
    .await?;
    let mut distrusted = Vec::new();
    for rows in rows.chunk_by_mut(|one, other| one.stream_id == other.stream_id) {
        let stream_id = rows[0].stream_id;
        let stream = streams.get_mut(&stream_id).expect(ONLY_ASKED);
        let events = match rows[0].snapshot(form) {
            Found::Nothing => &*rows,
            Found::State(version, state) => {
                (stream.version, stream.state) = (version, state);
                if is_broken(Sabotage::TrustSnapshots) { &[] } else { &rows[1..] }
            }
            Found::Untrustworthy => {
                distrusted.push(stream_id);
                continue;
            }
        };
        for row in events {
            row.fold_into::<P>(stream)?;
        }
    }
    Ok(distrusted)
}

const ONLY_ASKED: &str = "only the streams asked for are answered";

/// An event, with what is known of its stream's snapshot; or the snapshot alone, or nothing but the id.
struct Row {
    stream_id: Uuid,
    snapshot_version: Option<i32>,
    snapshot_form: Option<i16>,
    /// Of a snapshot of the form asked for, on the event that it was taken behind.
    state: Option<Vec<u8>>,
    checksum: Option<Vec<u8>>,
    version: Option<i32>,
    event_type: Option<String>,
    schema_version: Option<i16>,
    payload: Option<Vec<u8>>,
}

/// What the first row of a stream says of its snapshot.
enum Found<S> {
    /// There is none of the form asked for: the rows are all events.
    Nothing,
    /// The state up to this version, which the first row is of.
    State(u32, S),
    /// There is one, but not to be used: the rows lack the events before it.
    Untrustworthy,
}

impl Row {
    fn snapshot<S>(&mut self, form: &SnapshotForm<S>) -> Found<S> {
        let stream_id = self.stream_id;
        let (Some(version), Some(schema_version)) = (self.snapshot_version, self.snapshot_form) else {
            return Found::Nothing;
        };
        if schema_version != form.schema_version() {
            tracing::info!(%stream_id, version, schema_version, "snapshot has another form, the whole stream is read");
            return Found::Nothing;
        }
        let (Some(state), Some(checksum)) = (self.state.take(), self.checksum.take()) else {
            tracing::warn!(%stream_id, version, "snapshot is of no event of its stream, which is read as a whole");
            return Found::Untrustworthy;
        };
        let snapshot = Snapshot { stream_id, version, schema_version, state, checksum };
        match form.trust(&snapshot) {
            Some(state) => Found::State(version.cast_unsigned(), state),
            None => Found::Untrustworthy,
        }
    }

    /// Nothing happens to a stream without events.
    fn fold_into<P: Persistent>(&self, stream: &mut Stream<StateOf<P>>) -> Result<(), Error> {
        match (self.version, &self.event_type, self.schema_version, &self.payload) {
            (Some(version), Some(event_type), Some(schema_version), Some(payload)) => {
                stream.fold::<P>(self.stream_id, version, event_type, schema_version, payload)
            }
            _ => Ok(()),
        }
    }
}
