-- The catalogue: what can be ordered, and at which price.
--
-- SKUs are compared byte by byte (COLLATE "C"): they are case-sensitive, pages are ordered the same on every server, and
-- a comparison is as cheap as it can be.

GRANT USAGE ON SCHEMA inventory TO bowline_service, bowline_auditor_role;

CREATE TABLE inventory.products (
    sku         text COLLATE "C" PRIMARY KEY,
    name        text NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor >= 1),
    currency    text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    image_uri   text NOT NULL,
    updated_at  timestamptz NOT NULL
);

COMMENT ON COLUMN inventory.products.price_minor IS 'List price of one unit in minor units of the currency.';
COMMENT ON COLUMN inventory.products.image_uri IS 'Empty when there is no picture.';

-- Products are replaced, never removed: orders and movements name them for ever.
GRANT SELECT, INSERT, UPDATE ON inventory.products TO bowline_service;
GRANT SELECT ON inventory.products TO bowline_auditor_role;
