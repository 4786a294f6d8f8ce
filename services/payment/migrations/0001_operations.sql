-- What the provider has to be asked, until its outcome is stored. A row is written in the transaction of the event that
-- asks for it and deleted in the transaction of the event that answers it, so the table holds the open operations only.
CREATE TABLE payment.operations (
    order_id           uuid NOT NULL,
    operation          smallint NOT NULL CHECK (operation BETWEEN 1 AND 3),
    partition          smallint NOT NULL,
    amount_minor       bigint NOT NULL CHECK (amount_minor > 0),
    currency           text NOT NULL,
    payment_token      text,
    provider_reference text,
    causation          uuid,
    traceparent        text,
    requested_at       timestamptz NOT NULL,
    PRIMARY KEY (order_id, operation),
    -- An authorisation names a payment method, what follows it names the authorisation.
    CHECK ((operation = 1) = (payment_token IS NOT NULL)),
    CHECK ((operation <> 1) = (provider_reference IS NOT NULL))
) WITH (
    -- Every row is deleted soon: what matters for vacuum is their number, not their share.
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 20000
);

COMMENT ON TABLE payment.operations IS 'Open provider operations; the domain opens one at a time for each payment.';
COMMENT ON COLUMN payment.operations.operation IS '1 authorize, 2 capture, 3 void.';
COMMENT ON COLUMN payment.operations.partition IS 'Whoever holds the lease of this partition works on it.';
COMMENT ON COLUMN payment.operations.causation IS 'The message that the outcome answers.';

GRANT USAGE ON SCHEMA payment TO bowline_service, bowline_auditor_role;
GRANT SELECT, INSERT, DELETE ON payment.operations TO bowline_service;
GRANT SELECT ON payment.operations TO bowline_auditor_role;
