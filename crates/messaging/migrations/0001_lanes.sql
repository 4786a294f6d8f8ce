-- Lanes: what this database has to say to the world, numbered in the order of its commits.

GRANT USAGE ON SCHEMA messaging TO bowline_service, bowline_auditor_role;

-- A history of this database. Sequences are comparable only within one history: a failover that lost commits, or a
-- restore, starts a new one. The cluster's identifier and timeline tell that it has to.
CREATE TABLE messaging.incarnations (
    incarnation       uuid PRIMARY KEY,
    parent            uuid REFERENCES messaging.incarnations,
    system_identifier bigint NOT NULL,
    timeline          integer NOT NULL,
    recorded_at       timestamptz NOT NULL DEFAULT now()
);

-- The history that sequences are given in now: one row at the most.
CREATE TABLE messaging.current_incarnation (
    only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    incarnation uuid NOT NULL REFERENCES messaging.incarnations
);

-- A lane of this source: a partition of a topic.
CREATE TABLE messaging.lanes (
    lane      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic     text NOT NULL,
    partition smallint NOT NULL,
    UNIQUE (topic, partition)
);

-- The last sequence of a lane before an incarnation began: what lies above it in an earlier history is forgotten.
CREATE TABLE messaging.incarnation_starts (
    incarnation   uuid NOT NULL REFERENCES messaging.incarnations,
    lane          integer NOT NULL REFERENCES messaging.lanes,
    last_sequence bigint NOT NULL,
    PRIMARY KEY (incarnation, lane)
);

-- The next sequence of every lane. Locked in order of lane by the last statement of every writing transaction, so that
-- sequence order is commit order. Rows are updated all the time: the low fillfactor keeps their versions on one page.
CREATE TABLE messaging.lane_heads (
    lane          integer PRIMARY KEY REFERENCES messaging.lanes,
    next_sequence bigint NOT NULL DEFAULT 1 CHECK (next_sequence > 0)
) WITH (fillfactor = 20);

-- How far a lane is published; noted lazily, because publishing again is harmless.
CREATE TABLE messaging.published (
    lane     integer PRIMARY KEY REFERENCES messaging.lanes,
    sequence bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);

-- What is to be published. Partitioned by slot, so that what is published and old can be truncated without a scan.
-- No index but the key: whoever reads knows lane and sequence.
CREATE TABLE messaging.outbox (
    slot         smallint NOT NULL,
    lane         integer NOT NULL,
    sequence     bigint NOT NULL,
    incarnation  uuid NOT NULL,
    key          uuid NOT NULL,
    id           uuid NOT NULL,
    message_type text NOT NULL,
    happened_at  timestamptz NOT NULL,
    causation    uuid,
    traceparent  text,
    payload      bytea NOT NULL,
    PRIMARY KEY (slot, lane, sequence)
) PARTITION BY LIST (slot);
CREATE TABLE messaging.outbox_0 PARTITION OF messaging.outbox FOR VALUES IN (0);
CREATE TABLE messaging.outbox_1 PARTITION OF messaging.outbox FOR VALUES IN (1);
CREATE TABLE messaging.outbox_2 PARTITION OF messaging.outbox FOR VALUES IN (2);

-- The slot that new rows go to.
CREATE TABLE messaging.outbox_slot (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    slot     smallint NOT NULL
);
INSERT INTO messaging.outbox_slot (slot) VALUES (0);

GRANT SELECT, INSERT ON messaging.incarnations, messaging.incarnation_starts, messaging.lanes TO bowline_service;
GRANT SELECT, INSERT, UPDATE ON messaging.current_incarnation, messaging.lane_heads, messaging.published TO bowline_service;
GRANT SELECT, INSERT ON messaging.outbox TO bowline_service;
GRANT SELECT ON messaging.outbox_slot TO bowline_service;
