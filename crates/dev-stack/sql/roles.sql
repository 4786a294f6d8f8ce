-- The cluster-wide roles of Bowline. Run once per PostgreSQL server by a role that may create roles; running it again changes nothing.
-- Migrations grant rights on their tables to the two group roles; no login role is named in a migration.
DO $$
BEGIN
    -- Runtime rights of a service. Each service's login role is a member, but may CONNECT to its own database alone.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bowline_service') THEN
        CREATE ROLE bowline_service NOLOGIN;
    END IF;
    -- Read-only rights for the ledger of invariants.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'bowline_auditor_role') THEN
        CREATE ROLE bowline_auditor_role NOLOGIN;
    END IF;
END
$$;
