-- The trial balance has no marks yet.
DO $before$
BEGIN
    ASSERT to_regclass('read.trial_balance') IS NOT NULL, 'the sums of now are kept';
    ASSERT to_regclass('read.trial_balance_marks') IS NULL, 'the sums of then are not';
END
$before$;
