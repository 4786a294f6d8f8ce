-- Rotation of the outbox: what is published and old goes by truncating the slot that it lies in.

-- Where each slot stands in its round: new rows go to it (entered), they go to the next one (left), every row of it was
-- seen to be published (settled), it is empty again (all NULL).
CREATE TABLE messaging.outbox_slots (
    slot         smallint PRIMARY KEY,
    entered_at   timestamptz,
    left_at      timestamptz CHECK (left_at IS NULL OR entered_at IS NOT NULL),
    settled_at   timestamptz CHECK (settled_at IS NULL OR left_at IS NOT NULL),
    -- The sum of the last sequences of its lanes when it was settled: another one says that rows have come since.
    settled_tops numeric CHECK ((settled_tops IS NULL) = (settled_at IS NULL))
) WITH (fillfactor = 50);
INSERT INTO messaging.outbox_slots (slot, entered_at)
SELECT s.slot, CASE WHEN s.slot = c.slot THEN now() END
  FROM messaging.outbox_slot c, unnest(ARRAY[0, 1, 2]) s(slot);
GRANT SELECT ON messaging.outbox_slots TO bowline_auditor_role;

-- Rows are only added and then truncated, so there is nothing to clean up, and a vacuum would hold the rotation up.
ALTER TABLE messaging.outbox_0
    SET (autovacuum_vacuum_insert_threshold = -1, toast.autovacuum_vacuum_insert_threshold = -1);
ALTER TABLE messaging.outbox_1
    SET (autovacuum_vacuum_insert_threshold = -1, toast.autovacuum_vacuum_insert_threshold = -1);
ALTER TABLE messaging.outbox_2
    SET (autovacuum_vacuum_insert_threshold = -1, toast.autovacuum_vacuum_insert_threshold = -1);

-- What lies in a slot: the sum of the last sequences of its lanes, which every row that is added makes larger, and how
-- many messages up to them are not noted as published. Looks at the last row of each lane only. Trusts no other table to
-- know which lanes there are, and takes a lane that is not noted for one that is not published.
CREATE FUNCTION messaging.outbox_tops(slot smallint, OUT tops numeric, OUT unpublished bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $function$
BEGIN
    EXECUTE format($statement$
        WITH RECURSIVE lasts AS (
            (SELECT lane, sequence FROM messaging.%1$I WHERE slot = $1 ORDER BY lane DESC, sequence DESC LIMIT 1)
            UNION ALL
            SELECT below.lane, below.sequence
              FROM lasts, LATERAL (SELECT o.lane, o.sequence FROM messaging.%1$I o
                                    WHERE o.slot = $1 AND o.lane < lasts.lane
                                    ORDER BY o.lane DESC, o.sequence DESC LIMIT 1) below)
        SELECT coalesce(sum(l.sequence), 0),
               coalesce(sum(greatest(l.sequence - coalesce(p.sequence, 0), 0)), 0)
          FROM lasts l LEFT JOIN messaging.published p USING (lane)
    $statement$, 'outbox_' || slot) INTO tops, unpublished USING slot;
END
$function$;

-- One look at the rotation, to be made again and again by any number of replicas; one at a time has an effect. Empties
-- the oldest slot when all that it holds has been published for `retention`, and has new rows go to the next slot when
-- they have gone to the current one for half of that. So three slots are enough, and a row stays for one and a half times
-- the retention at the most, unless something is in the way.
--
-- Whoever reads the outbox waits for `lock_wait_ms` at the most; a slot that cannot be locked within it is left for the
-- next look. Whoever writes waits only if it still writes to the oldest slot.
--
-- The service may call it, but neither truncate nor choose the slot by itself.
CREATE FUNCTION messaging.rotate_outbox(
    retention interval,
    lock_wait_ms integer,
    -- NULL when another replica was at it.
    OUT looked boolean,
    -- The slot that was emptied, and what it had occupied on the disk with its index.
    OUT emptied smallint,
    OUT freed_bytes bigint,
    -- The slot that new rows go to from now on.
    OUT entered smallint,
    -- Messages of the oldest slot that are not noted as published.
    OUT unpublished bigint,
    -- Somebody held a lock on the oldest slot.
    OUT locked boolean,
    -- For how long new rows should have gone to the next slot, which is not empty.
    OUT overdue interval
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $function$
DECLARE
    slots   CONSTANT integer := (SELECT count(*) FROM messaging.outbox_slots);
    filled  messaging.outbox_slots;
    slot    messaging.outbox_slots;
    oldest  messaging.outbox_slots;
    there   record;
    settles numeric;
    late_by interval;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the outbox is rotated under read committed only: other transactions do not see what was committed meanwhile'
            USING ERRCODE = 'invalid_transaction_state';
    END IF;
    -- Until the end of this function, as its own setting.
    PERFORM set_config('lock_timeout', lock_wait_ms || 'ms', true);
    PERFORM FROM messaging.outbox_slot FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    looked := true;
    locked := false;
    unpublished := 0;

    -- A transaction that had read which slot to write to before that changed may still add rows to a slot that was left:
    -- it settles once more.
    FOR slot IN SELECT * FROM messaging.outbox_slots s WHERE s.left_at IS NOT NULL ORDER BY s.left_at DESC LOOP
        SELECT * INTO there FROM messaging.outbox_tops(slot.slot);
        settles := CASE WHEN there.unpublished = 0 THEN there.tops END;
        IF slot.settled_tops IS DISTINCT FROM settles THEN
            UPDATE messaging.outbox_slots s
               SET settled_tops = settles, settled_at = CASE WHEN settles IS NOT NULL THEN clock_timestamp() END
             WHERE s.slot = slot.slot RETURNING * INTO slot;
        END IF;
        oldest := slot;
        unpublished := there.unpublished;
    END LOOP;

    IF oldest.settled_at <= clock_timestamp() - retention THEN
        BEGIN
            EXECUTE format('LOCK TABLE ONLY messaging.%I IN ACCESS EXCLUSIVE MODE', 'outbox_' || oldest.slot);
            -- Nobody has written to it and not yet committed now, and this statement sees all that was committed. If it is
            -- not as it was settled, the next look sees to it.
            SELECT * INTO there FROM messaging.outbox_tops(oldest.slot);
            IF there.unpublished = 0 AND there.tops = oldest.settled_tops THEN
                freed_bytes := pg_total_relation_size(format('messaging.%I', 'outbox_' || oldest.slot));
                EXECUTE format('TRUNCATE TABLE ONLY messaging.%I', 'outbox_' || oldest.slot);
                UPDATE messaging.outbox_slots s
                   SET entered_at = NULL, left_at = NULL, settled_at = NULL, settled_tops = NULL
                 WHERE s.slot = oldest.slot;
                emptied := oldest.slot;
            END IF;
        EXCEPTION WHEN lock_not_available THEN
            locked := true;
        END;
    END IF;

    SELECT s.* INTO filled FROM messaging.outbox_slots s JOIN messaging.outbox_slot c ON c.slot = s.slot;
    late_by := clock_timestamp() - filled.entered_at - retention / (slots - 1);
    IF late_by >= interval '0' THEN
        UPDATE messaging.outbox_slots s SET entered_at = clock_timestamp()
         WHERE s.slot = (filled.slot + 1) % slots AND s.entered_at IS NULL RETURNING s.slot INTO entered;
        IF entered IS NULL THEN
            overdue := late_by;
        ELSE
            UPDATE messaging.outbox_slots s SET left_at = clock_timestamp() WHERE s.slot = filled.slot;
            UPDATE messaging.outbox_slot SET slot = entered;
        END IF;
    END IF;
END
$function$;

REVOKE EXECUTE ON FUNCTION messaging.outbox_tops(smallint) FROM PUBLIC;
REVOKE EXECUTE ON FUNCTION messaging.rotate_outbox(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION messaging.rotate_outbox(interval, integer) TO bowline_service;
