-- What each order is worth to its customer, and how far that has come. All of it follows from the events of orders.
CREATE TABLE loyalty.points (
    order_id    uuid PRIMARY KEY,
    -- Empty until OrderPlaced was heard.
    customer_id text,
    amount      bigint CHECK (amount >= 0),
    -- 1 pending, 2 granted, 3 withdrawn; it only grows.
    step        smallint NOT NULL CHECK (step BETWEEN 1 AND 3)
);
CREATE INDEX points_by_customer ON loyalty.points (customer_id);

GRANT USAGE ON SCHEMA loyalty TO bowline_service, bowline_auditor_role;
GRANT SELECT, INSERT, UPDATE ON loyalty.points TO bowline_service;
GRANT SELECT ON loyalty.points TO bowline_auditor_role;
