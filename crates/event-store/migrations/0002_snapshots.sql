-- The state of long streams as it was behind one of their events, so that reading them needs only that event and the
-- later ones.
--
-- A shortcut, never the truth: what does not pass its checks is ignored, and the table may be emptied at any time. The
-- checksum can be verified here as well as in the service:
-- checksum = sha256(uuid_send(stream_id) || int4send(version) || int2send(schema_version) || state)
CREATE TABLE event_store.snapshots (
    stream_id      uuid     PRIMARY KEY,
    version        integer  NOT NULL CHECK (version > 0),
    schema_version smallint NOT NULL CHECK (schema_version > 0),
    state          bytea    NOT NULL,
    checksum       bytea    NOT NULL CHECK (octet_length(checksum) = 32)
);

COMMENT ON TABLE event_store.snapshots IS 'States of long streams; a shortcut that may be emptied at any time.';
COMMENT ON COLUMN event_store.snapshots.version IS 'Of the last event that the state contains.';
COMMENT ON COLUMN event_store.snapshots.schema_version IS 'Of the state; others than the newest are not used.';
COMMENT ON COLUMN event_store.snapshots.state IS 'JSON text in UTF-8.';

-- Unlike an event, a snapshot is replaced by its successor.
GRANT SELECT, INSERT, UPDATE ON event_store.snapshots TO bowline_service;
GRANT SELECT ON event_store.snapshots TO bowline_auditor_role;
