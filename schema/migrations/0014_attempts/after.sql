-- The application may write attempts.
DO $after$
BEGIN
    ASSERT has_table_privilege('ledgerbank_app', 'work.attempts', 'SELECT, INSERT, UPDATE, DELETE'),
        'the application keeps attempts';
END
$after$;
