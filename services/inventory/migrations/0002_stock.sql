-- Stock: one level per SKU, and the ledger of everything that ever changed it. The sum of a SKU's movements is its level.

-- A product has a level from the moment it enters the catalogue, so that there always is a row to lock. Levels are
-- updated by every batch: the low fillfactor keeps their versions on one page.
CREATE TABLE inventory.levels (
    sku       text COLLATE "C" PRIMARY KEY REFERENCES inventory.products,
    available bigint NOT NULL DEFAULT 0 CHECK (available >= 0),
    reserved  bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    sold      bigint NOT NULL DEFAULT 0 CHECK (sold >= 0)
) WITH (fillfactor = 20);

-- Written by the thousand in each second and read by SKU: the key is the only index. movement_id is a UUID of version 7,
-- so the movements of a SKU lie in the order of time.
CREATE TABLE inventory.movements (
    sku             text COLLATE "C" NOT NULL,
    movement_id     uuid NOT NULL,
    kind            smallint NOT NULL CHECK (kind BETWEEN 1 AND 5),
    available_delta bigint NOT NULL,
    reserved_delta  bigint NOT NULL,
    sold_delta      bigint NOT NULL,
    order_id        uuid,
    reason          text,
    recorded_at     timestamptz NOT NULL,
    PRIMARY KEY (sku, movement_id)
);

COMMENT ON COLUMN inventory.movements.kind IS '1 adjustment, 2 reservation, 3 commit, 4 release, 5 restock.';
COMMENT ON COLUMN inventory.movements.order_id IS 'Null for adjustments.';

GRANT SELECT, INSERT, UPDATE ON inventory.levels TO bowline_service;
-- The ledger is append-only.
GRANT SELECT, INSERT ON inventory.movements TO bowline_service;
GRANT SELECT ON inventory.levels, inventory.movements TO bowline_auditor_role;
