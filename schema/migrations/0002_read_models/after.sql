-- The application looks, the reading role owns, and amounts print with their currency's decimals.
DO $after$
DECLARE
    strays text;
BEGIN
    SELECT string_agg(relname, ', ') INTO strays
    FROM pg_class
    WHERE relnamespace = 'read'::regnamespace AND relkind = 'r'
        AND (
            pg_get_userbyid(relowner) <> 'ledgerbank_read'
            OR NOT has_table_privilege('ledgerbank_app', oid, 'SELECT')
            OR has_table_privilege('ledgerbank_app', oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
        );
    ASSERT strays IS NULL, 'wrong owner or rights: ' || strays;
    ASSERT read.money(150000, 'USD') = '1500.00', 'two decimals';
    ASSERT read.money(-5, 'USD') = '-0.05', 'a sign';
    ASSERT read.money(0, 'KWD') = '0.000', 'three decimals';
    ASSERT read.money(100, 'JPY') = '100', 'no decimals';
    ASSERT read.money(1, 'CLF') = '0.0001', 'four decimals';
    ASSERT read.money(9223372036854775807, 'EUR') = '92233720368547758.07', 'all of 64 bits';
    ASSERT (SELECT count(*) FROM read.checkpoints WHERE position = 0) = 9, 'a checkpoint each';
END
$after$;
