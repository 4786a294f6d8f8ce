-- What was applied of each lane, in the order in which it was: written in the transaction of the effects where a service
-- is told to, for an audit. Never purged: it is not for a service that runs for long.
CREATE TABLE messaging.applied_ranges (
    applied_range  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    input          integer NOT NULL REFERENCES messaging.watermarks,
    first_sequence bigint NOT NULL,
    last_sequence  bigint NOT NULL,
    applied_at     timestamptz NOT NULL DEFAULT now(),
    CHECK (last_sequence >= first_sequence)
);

GRANT SELECT, INSERT ON messaging.applied_ranges TO bowline_service;
GRANT SELECT ON messaging.applied_ranges TO bowline_auditor_role;
