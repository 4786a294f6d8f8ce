-- What had got lost on a topic and was brought by its source: for whoever wants to know what happened to a topic. Written
-- once the messages are applied, beside that transaction; a process that dies in between leaves its row out.
CREATE TABLE messaging.healed_gaps (
    healed_gap     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer       text NOT NULL,
    topic          text NOT NULL,
    source         text NOT NULL,
    partition      smallint NOT NULL,
    first_sequence bigint NOT NULL,
    last_sequence  bigint NOT NULL,
    found_at       timestamptz NOT NULL,
    healed_at      timestamptz NOT NULL,
    CHECK (last_sequence >= first_sequence)
);

GRANT SELECT, INSERT ON messaging.healed_gaps TO bowline_service;
GRANT SELECT ON messaging.healed_gaps TO bowline_auditor_role;
