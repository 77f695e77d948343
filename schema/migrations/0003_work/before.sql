-- The role that works here came with the log.
DO $before$
BEGIN
    ASSERT to_regnamespace('work') IS NULL, 'nothing is there yet';
    ASSERT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ledgerbank_app'), 'the application has a role';
END
$before$;
