-- What operators see of the lanes that a consumer reads, and have said about them.

-- The lanes that do not flow, as the replica that follows them has found: for operators, who may ask any replica. Behind by
-- a second or so, and nothing is decided by it but whether a watermark may be moved by hand.
CREATE TABLE messaging.held_lanes (
    input          integer PRIMARY KEY REFERENCES messaging.watermarks,
    state          text NOT NULL CHECK (state IN ('missing', 'doubt', 'forgotten', 'stopped')),
    -- Why, for an operator.
    reason         text NOT NULL,
    -- Of 'missing': the range that is asked of the source.
    first_missing  bigint,
    last_missing   bigint,
    -- Of 'forgotten': the last sequence that the source has kept of those that were applied, and the history in which it
    -- continues.
    kept_sequence  bigint,
    kept_in        uuid,
    held_at        timestamptz NOT NULL DEFAULT now(),
    CHECK ((state = 'missing') = (first_missing IS NOT NULL AND last_missing IS NOT NULL)),
    CHECK ((state = 'forgotten') = (kept_sequence IS NOT NULL AND kept_in IS NOT NULL))
);

-- Who has let a lane go on although its source had forgotten what was applied here, for ever.
CREATE TABLE messaging.lane_acceptances (
    acceptance       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    done_at          timestamptz NOT NULL DEFAULT now(),
    operator         text NOT NULL,
    note             text NOT NULL,
    consumer         text NOT NULL,
    topic            text NOT NULL,
    source           text NOT NULL,
    partition        smallint NOT NULL,
    from_sequence    bigint NOT NULL,
    from_incarnation uuid NOT NULL,
    to_sequence      bigint NOT NULL,
    to_incarnation   uuid NOT NULL
);
CREATE INDEX lane_acceptances_by_lane ON messaging.lane_acceptances (consumer, topic, source, partition);

GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.held_lanes TO bowline_service;
GRANT SELECT, INSERT ON messaging.lane_acceptances TO bowline_service;
GRANT SELECT ON messaging.held_lanes, messaging.lane_acceptances TO bowline_auditor_role;
