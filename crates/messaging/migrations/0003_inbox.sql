-- What has been applied of what others had to say.

-- The inputs that a consumer has registered: registered once, at the very first start, and never again. A lane without
-- a watermark after that is an error, because guessing would skip or repeat messages.
CREATE TABLE messaging.inputs (
    consumer      text NOT NULL,
    topic         text NOT NULL,
    source        text NOT NULL,
    registered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, topic, source)
);

-- The last sequence applied of every lane. Nothing expires. Advanced in the transaction of the effects.
CREATE TABLE messaging.watermarks (
    input       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer    text NOT NULL,
    topic       text NOT NULL,
    source      text NOT NULL,
    partition   smallint NOT NULL,
    sequence    bigint NOT NULL DEFAULT 0,
    incarnation uuid,
    UNIQUE (consumer, topic, source, partition),
    FOREIGN KEY (consumer, topic, source) REFERENCES messaging.inputs
) WITH (fillfactor = 20);

-- Where reading goes on after a restart: never past a message that is not applied. A topic that was deleted and made
-- again has another topic_id and is read from its beginning.
CREATE TABLE messaging.positions (
    position    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer    text NOT NULL,
    topic       text NOT NULL,
    partition   smallint NOT NULL,
    topic_id    uuid,
    next_offset bigint NOT NULL DEFAULT 0,
    UNIQUE (consumer, topic, partition)
) WITH (fillfactor = 20);

GRANT SELECT, INSERT ON messaging.inputs TO bowline_service;
GRANT SELECT, INSERT, UPDATE ON messaging.watermarks, messaging.positions TO bowline_service;

GRANT SELECT ON ALL TABLES IN SCHEMA messaging TO bowline_auditor_role;
