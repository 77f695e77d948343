-- The application looks, the reading role owns; dead letters of old are told of too.
DO $after$
BEGIN
    ASSERT (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = 'read.audit_log'::regclass)
        = 'ledgerbank_read', 'the reading role owns what it writes';
    ASSERT has_table_privilege('ledgerbank_app', 'read.audit_log', 'SELECT'), 'the application looks';
    ASSERT NOT has_table_privilege('ledgerbank_app', 'read.audit_log', 'INSERT, UPDATE, DELETE'),
        'and does nothing else';
    ASSERT (SELECT position FROM read.checkpoints WHERE projection = 'audit_log') = 0, 'from the start';
END
$after$;
