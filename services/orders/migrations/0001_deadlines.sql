-- Until when a pending order waits for the answer that it needs next. A row is written in the transaction of the event
-- with which the step begins, changed with the next step, and deleted with the event that decides how the order ends, so
-- the table holds the pending orders only.
CREATE TABLE orders.deadlines (
    order_id  uuid PRIMARY KEY,
    partition smallint NOT NULL,
    awaited   smallint NOT NULL CHECK (awaited IN (1, 2)),
    fence     integer NOT NULL,
    due_at    timestamptz NOT NULL
) WITH (
    -- Most rows are changed once, before they are deleted. With room beside it and no column of it in an index, the new
    -- version stays on its page and costs no index entry: half the price.
    fillfactor = 50,
    -- Every row is deleted soon: what matters for vacuum is their number, not their share.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 20000
);

COMMENT ON TABLE orders.deadlines IS 'Pending orders, each with the time at which it has waited for long enough.';
COMMENT ON COLUMN orders.deadlines.partition IS 'Whoever holds the lease of this partition looks at it.';
COMMENT ON COLUMN orders.deadlines.awaited IS 'Whose answer: 1 inventory, 2 payment.';
COMMENT ON COLUMN orders.deadlines.fence IS
    'The version of the order when the step began. A deadline of another version is out of date and has no effect.';

GRANT USAGE ON SCHEMA orders TO bowline_service, bowline_auditor_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON orders.deadlines TO bowline_service;
GRANT SELECT ON orders.deadlines TO bowline_auditor_role;
