-- Finding events: who caused them, which request they belong to, from when on.

CREATE INDEX events_correlation ON log.events (correlation_id, position);
CREATE INDEX events_actor ON log.events (actor_id, position) WHERE actor_id IS NOT NULL;

-- The last position recorded before an instant (the log's own text), found by halving.
CREATE FUNCTION log.position_before(instant text) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $position_before$
DECLARE
    low bigint := 0;
    high bigint := (SELECT position FROM log.head);
    middle bigint;
BEGIN
    WHILE low < high LOOP
        middle := (low + high + 1) / 2;
        IF (SELECT recorded_at FROM log.events WHERE position = middle) < instant COLLATE "C" THEN
            low := middle;
        ELSE
            high := middle - 1;
        END IF;
    END LOOP;
    RETURN low;
END
$position_before$;

COMMENT ON FUNCTION log.position_before IS 'the last position recorded before a moment';
