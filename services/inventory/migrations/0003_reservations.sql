-- What is held for each order, and the tombstones of orders whose compensation was faster than they were.
--
-- An order's row is read and written under the lock of its partition (messaging.partitions), because a row that is not
-- there yet cannot be locked. It is updated once or twice in its life: the fillfactor leaves room for that on its page, and
-- nothing but the key is indexed, so that the update is heap-only.
CREATE TABLE inventory.reservations (
    order_id    uuid PRIMARY KEY,
    state       text NOT NULL CHECK (state IN ('rejected', 'reserved', 'committed', 'released', 'restocked')),
    reservation bytea NOT NULL,
    recorded_at timestamptz NOT NULL
) WITH (fillfactor = 50);

COMMENT ON COLUMN inventory.reservations.state IS 'The state inside of reservation, for people and for the auditor.';
COMMENT ON COLUMN inventory.reservations.reservation IS 'The state with its lines, as JSON text.';

GRANT SELECT, INSERT, UPDATE ON inventory.reservations TO bowline_service;
GRANT SELECT ON inventory.reservations TO bowline_auditor_role;
