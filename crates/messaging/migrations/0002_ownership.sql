-- Who works on which partition, and who has written there.

-- One row per partition, locked by every transaction that touches the partition. A process whose last known number of
-- writes is not the one it finds has to drop what it had cached for the partition.
CREATE TABLE messaging.partitions (
    partition smallint PRIMARY KEY,
    writes    bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);

-- The processes of this service that are alive, for the fair share of each.
CREATE TABLE messaging.members (
    member     uuid PRIMARY KEY,
    address    text NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- Who consumes and publishes a partition. In a table of its own, so that renewing never waits for a lane head.
CREATE TABLE messaging.leases (
    partition  smallint PRIMARY KEY,
    holder     uuid,
    address    text,
    epoch      bigint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE ON messaging.partitions TO bowline_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON messaging.members TO bowline_service;
GRANT SELECT, INSERT, UPDATE ON messaging.leases TO bowline_service;
