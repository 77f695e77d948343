-- The application may write attempts; one that ended says how.
DO $after$
BEGIN
    ASSERT has_table_privilege('ledgerbank_app', 'work.attempts', 'SELECT, INSERT, UPDATE, DELETE'),
        'the application keeps attempts';
    ASSERT EXISTS (
        SELECT FROM pg_indexes WHERE schemaname = 'log' AND indexname = 'events_correlation'
    ), 'the events of a story are found';
END
$after$;
