-- Every event of every order's saga, in one line each. A set by event id; who reads it puts it in order.
CREATE TABLE projection.timeline (
    order_id     uuid NOT NULL,
    event_id     uuid NOT NULL,
    source       text NOT NULL,
    event_type   text NOT NULL,
    causation_id uuid,
    event_time   timestamptz NOT NULL,
    summary      text NOT NULL,
    compensation boolean NOT NULL,
    PRIMARY KEY (order_id, event_id)
);

GRANT SELECT, INSERT ON projection.timeline TO bowline_service;
GRANT SELECT ON projection.timeline TO bowline_auditor_role;
