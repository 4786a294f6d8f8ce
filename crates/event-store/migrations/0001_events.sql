-- The events of all streams of one service.
--
-- The primary key is the only index: streams are read by id and in order of version, and nobody searches inside an
-- event. There is no global position; whoever wants all events in order reads the lanes of the outbox.
--
-- payload and metadata are JSON text kept as plain bytes: jsonb would parse and rewrite on every append what no query
-- ever looks into. event_store.readable_events shows them as JSON.
CREATE TABLE event_store.events (
    stream_id      uuid        NOT NULL,
    version        integer     NOT NULL CHECK (version > 0),
    type           text        NOT NULL,
    schema_version smallint    NOT NULL CHECK (schema_version > 0),
    payload        bytea       NOT NULL,
    metadata       bytea       NOT NULL,
    recorded_at    timestamptz NOT NULL,
    PRIMARY KEY (stream_id, version)
);

COMMENT ON TABLE event_store.events IS 'Private domain events, append-only by grant.';
COMMENT ON COLUMN event_store.events.version IS 'From 1, without a gap within a stream.';
COMMENT ON COLUMN event_store.events.schema_version IS 'Of the payload; older ones are upcast when they are read.';
COMMENT ON COLUMN event_store.events.payload IS 'JSON text in UTF-8.';
COMMENT ON COLUMN event_store.events.metadata IS 'JSON text in UTF-8: event, causation and correlation id, traceparent.';

-- For people: the same rows with payload and metadata as JSON.
CREATE VIEW event_store.readable_events WITH (security_invoker = true) AS
SELECT stream_id,
       version,
       type,
       schema_version,
       convert_from(payload, 'UTF8')::json  AS payload,
       convert_from(metadata, 'UTF8')::json AS metadata,
       recorded_at
  FROM event_store.events;

-- A service adds events and reads them. It may never change or remove one, not even by mistake.
GRANT USAGE ON SCHEMA event_store TO bowline_service, bowline_auditor_role;
GRANT SELECT, INSERT ON event_store.events TO bowline_service;
GRANT SELECT ON event_store.events TO bowline_auditor_role;
GRANT SELECT ON event_store.readable_events TO bowline_service, bowline_auditor_role;
