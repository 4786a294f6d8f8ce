-- Messages that could not be applied, kept in order until an operator retries, edits or drops them.

-- A key with a message that could not be applied: that message and every later one of the key, over all topics, wait.
-- The row is locked by whoever puts a message behind the others or takes some out, so that the queue keeps its order.
CREATE TABLE messaging.parked_keys (
    consumer        text NOT NULL,
    key             uuid NOT NULL,
    partition       smallint NOT NULL,
    -- Why the first of its messages could not be applied, and the same without ids and numbers, to group by.
    reason          text NOT NULL,
    cause           text NOT NULL,
    parked_at       timestamptz NOT NULL DEFAULT now(),
    -- How often an operator has had it tried again.
    attempts        integer NOT NULL DEFAULT 0,
    retry_requested boolean NOT NULL DEFAULT false,
    PRIMARY KEY (consumer, key)
);

-- The messages that wait, in the order in which they came.
CREATE TABLE messaging.parked_messages (
    letter       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer     text NOT NULL,
    key          uuid NOT NULL,
    input        integer NOT NULL REFERENCES messaging.watermarks,
    -- Where it was read.
    topic        text NOT NULL,
    partition    smallint NOT NULL,
    read_offset  bigint NOT NULL,
    source       text NOT NULL,
    sequence     bigint NOT NULL,
    incarnation  uuid NOT NULL,
    -- What it says.
    message_type text NOT NULL,
    payload      bytea NOT NULL,
    id           uuid NOT NULL,
    happened_at  timestamptz NOT NULL,
    causation    uuid,
    traceparent  text,
    parked_at    timestamptz NOT NULL DEFAULT now(),
    -- How often it was edited; a retry takes effect only on what it has read.
    edits        integer NOT NULL DEFAULT 0,
    FOREIGN KEY (consumer, key) REFERENCES messaging.parked_keys
);
CREATE INDEX parked_messages_by_key ON messaging.parked_messages (consumer, key, letter);

-- What operators have done, for ever. Edits and drops keep what was there before.
CREATE TABLE messaging.parking_actions (
    action         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    done_at        timestamptz NOT NULL DEFAULT now(),
    operator       text NOT NULL,
    note           text NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('edit', 'retry', 'drop')),
    consumer       text NOT NULL,
    key            uuid NOT NULL,
    letter         bigint,
    id             uuid,
    message_type   text,
    payload_before bytea,
    payload_after  bytea
);
CREATE INDEX parking_actions_by_key ON messaging.parking_actions (consumer, key, action);

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.parked_keys, messaging.parked_messages TO bowline_service;
GRANT SELECT, INSERT ON messaging.parking_actions TO bowline_service;
GRANT SELECT ON messaging.parked_keys, messaging.parked_messages, messaging.parking_actions TO bowline_auditor_role;
