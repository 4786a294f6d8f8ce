-- How often the payment provider was called for an event, which so far stood in its summary alone. Nobody has counted for
-- the events that are here already.
ALTER TABLE projection.timeline ADD COLUMN attempts bigint NOT NULL DEFAULT 0;
