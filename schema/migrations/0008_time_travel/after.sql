-- An empty log has nothing to look back at.
DO $after$
BEGIN
    ASSERT log.position_at('2999-01-01T00:00:00.000000Z') <= (SELECT position FROM log.head), 'no future';
    ASSERT has_table_privilege('ledgerbank_app', 'read.account_marks', 'SELECT'), 'it may look';
    ASSERT NOT has_table_privilege('ledgerbank_app', 'read.account_marks', 'INSERT'), 'and only that';
END
$after$;
