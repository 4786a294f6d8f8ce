-- Orders as readers see them: one row each, in which every source (orders, inventory, payment) sets columns of its own.

GRANT USAGE ON SCHEMA projection TO bowline_service, bowline_auditor_role;

-- Any source may create the row, so every column but the key may be empty. The order is shown once placed_at is set.
-- A row is updated a few times within seconds and then never again: half of each page is left for its versions, so
-- that updates of columns without an index touch no index at all.
CREATE TABLE projection.order_views (
    order_id         uuid PRIMARY KEY,
    -- Set by events of orders. The lines are JSON text, in which nothing is searched.
    customer_id      text,
    country          text,
    lines            bytea,
    item_count       bigint,
    total_minor      bigint,
    total_currency   text,
    status           text,
    cancel_reason    text,
    placed_at        timestamptz,
    confirmed_at     timestamptz,
    cancelled_at     timestamptz,
    finished_at      timestamptz,
    -- Set by events of inventory.
    stock_status     text,
    stock_at         timestamptz,
    -- Set by events of payment.
    payment_state    text,
    payment_at       timestamptz,
    authorized_minor bigint,
    captured_minor   bigint,
    voided_minor     bigint,
    payment_failure  text
) WITH (fillfactor = 50);

-- Lines of large orders lie outside of the row, where its updates do not copy them; compressing costs more than it saves.
ALTER TABLE projection.order_views ALTER COLUMN lines SET STORAGE EXTERNAL;

-- The lists. Confirmed orders are nearly all orders, so the index by time finds them; an index entry of their own would
-- cost more than it finds.
CREATE INDEX order_views_by_time ON projection.order_views (placed_at, order_id) WHERE placed_at IS NOT NULL;
CREATE INDEX order_views_by_customer ON projection.order_views (customer_id, placed_at, order_id)
    WHERE placed_at IS NOT NULL;
CREATE INDEX order_views_by_rare_status ON projection.order_views (status, placed_at, order_id)
    WHERE placed_at IS NOT NULL AND status <> 'confirmed';

GRANT SELECT, INSERT, UPDATE ON projection.order_views TO bowline_service;
GRANT SELECT ON projection.order_views TO bowline_auditor_role;
