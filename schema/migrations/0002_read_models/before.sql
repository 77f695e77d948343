-- The roles that own and read these tables came with the log.
DO $before$
BEGIN
    ASSERT to_regnamespace('read') IS NULL, 'nothing is there yet';
    ASSERT pg_has_role(current_user, 'ledgerbank_read', 'SET'), 'the reading role can be taken on';
END
$before$;
