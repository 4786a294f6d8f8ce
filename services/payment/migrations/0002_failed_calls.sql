-- How often the provider was called in vain for an open operation. A payment tells it while the operation is open, and
-- whoever takes the partition over counts on. Rows are written as before; only calls that fail lead to an update, from time
-- to time and for many rows at once.
ALTER TABLE payment.operations
    ADD COLUMN failed_calls integer NOT NULL DEFAULT 0 CHECK (failed_calls >= 0),
    ADD COLUMN last_failure text;

COMMENT ON COLUMN payment.operations.failed_calls IS 'Calls that led to no outcome; up to a second behind.';
COMMENT ON COLUMN payment.operations.last_failure IS 'What the last of them failed for.';

GRANT UPDATE (failed_calls, last_failure) ON payment.operations TO bowline_service;
