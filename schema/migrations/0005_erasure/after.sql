-- Every text can be found by the key it was sealed under, and nothing that cannot is left.
DO $after$
DECLARE
    bare text;
BEGIN
    SELECT string_agg(c.table_name, ', ') INTO bare
    FROM information_schema.columns AS c
    WHERE c.table_schema = 'read' AND c.column_name IN ('description', 'reference')
        AND NOT EXISTS (
            SELECT FROM information_schema.columns AS k
            WHERE k.table_schema = 'read' AND k.table_name = c.table_name
                AND k.column_name = c.column_name || '_key'
        );
    ASSERT bare IS NULL, 'texts without a key: ' || bare;
    ASSERT NOT EXISTS (
        SELECT FROM read.transactions WHERE description IS NOT NULL AND description_key IS NULL
    ), 'rows from before are gone';
END
$after$;
