-- The application may do all it must, jobs keep to their states, and the relay begins at the start.
DO $after$
DECLARE
    strays text;
BEGIN
    SELECT string_agg(relname, ', ') INTO strays
    FROM pg_class
    WHERE relnamespace = 'work'::regnamespace AND relkind = 'r'
        AND NOT has_table_privilege('ledgerbank_app', oid, 'SELECT, INSERT, UPDATE, DELETE');
    ASSERT strays IS NULL, 'missing rights: ' || strays;
    ASSERT (SELECT position = 0 AND lease_until < now() FROM work.relay), 'the relay is free';
    BEGIN
        INSERT INTO work.jobs (
            id, queue, actor, state, priority, max_attempts, subject_type, subject_id,
            correlation_id, cause, inserted_at, scheduled_at
        ) VALUES (
            gen_random_uuid(), 'q', 'a', 'executing', 5, 1, 't', 's', 'c', 'c', now(), now()
        );
        ASSERT false, 'nobody works on a job without a lease';
    EXCEPTION WHEN check_violation THEN
        NULL;
    END;
END
$after$;
