-- The keys of requests, and the answers that were given to them.
--
-- A row is inserted before the request is decided, which claims the key, and given its answer before the same
-- transaction commits. So a committed row always has an answer, and two versions of it are written: the fillfactor
-- leaves room for the second, of answers up to some 120 bytes, on the page of the first. That makes the update heap-only, and the only index is not
-- touched twice.
--
-- There is no index on recorded_at. It would cost on every request what only the housekeeping needs, and that reads
-- the table page by page in its physical order (see purge). A BRIN index would be cheap to write, but its ranges only
-- ever widen: once purged pages are filled again, every range holds old and new times and nothing is skipped.
CREATE TABLE idempotency.keys (
    key          uuid        NOT NULL PRIMARY KEY,
    request_hash bytea       NOT NULL,
    outcome      smallint    CHECK (outcome IN (1, 2)),
    answer       bytea,
    recorded_at  timestamptz NOT NULL,
    CHECK ((outcome IS NULL) = (answer IS NULL))
) WITH (fillfactor = 30);

COMMENT ON TABLE idempotency.keys IS 'Requests by the key that their caller chose, with the answers they were given.';
COMMENT ON COLUMN idempotency.keys.request_hash IS 'SHA-256 of the method and the request without its key.';
COMMENT ON COLUMN idempotency.keys.outcome IS '1 accepted, 2 refused; null only inside the transaction that claims.';
COMMENT ON COLUMN idempotency.keys.answer IS 'The answer, in the form that the service chose.';

GRANT USAGE ON SCHEMA idempotency TO bowline_service, bowline_auditor_role;
-- DELETE for claims whose answer is not kept, and for keys past their retention.
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency.keys TO bowline_service;
GRANT SELECT ON idempotency.keys TO bowline_auditor_role;
