-- Whoever follows the log folds the trial balance from its beginning; moments are found.
DO $after$
BEGIN
    ASSERT (SELECT position FROM read.checkpoints WHERE projection = 'trial_balance') = 0;
    ASSERT (SELECT count(*) FROM read.trial_balance) = 0;
    ASSERT log.position_at('') = 0, 'nothing was recorded before everything';
    ASSERT log.position_at('9') = (SELECT position FROM log.head), 'everything was by the end';
    ASSERT has_table_privilege('ledgerbank_app', 'read.restatements', 'SELECT');
    ASSERT has_function_privilege('ledgerbank_app', 'log.position_at(text)', 'EXECUTE');
END
$after$;
