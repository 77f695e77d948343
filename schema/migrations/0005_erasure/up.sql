-- Whose key a text was sealed under, so that it can be erased with that person (events_audit.md §8).
-- Rows that were made before do not say it: they are made again from the log.

SET LOCAL ROLE ledgerbank_read;

ALTER TABLE read.transactions ADD COLUMN description_key uuid, ADD COLUMN reference_key uuid;
CREATE INDEX transactions_of_writer ON read.transactions (description_key) WHERE description_key IS NOT NULL;
CREATE INDEX transactions_of_second_writer ON read.transactions (reference_key)
    WHERE reference_key IS NOT NULL AND reference_key IS DISTINCT FROM description_key;

ALTER TABLE read.payments ADD COLUMN description_key uuid, ADD COLUMN reference_key uuid;
CREATE INDEX payments_of_writer ON read.payments (description_key) WHERE description_key IS NOT NULL;
CREATE INDEX payments_of_second_writer ON read.payments (reference_key)
    WHERE reference_key IS NOT NULL AND reference_key IS DISTINCT FROM description_key;

ALTER TABLE read.transfers ADD COLUMN description_key uuid, ADD COLUMN reference_key uuid;
CREATE INDEX transfers_of_writer ON read.transfers (description_key) WHERE description_key IS NOT NULL;
CREATE INDEX transfers_of_second_writer ON read.transfers (reference_key)
    WHERE reference_key IS NOT NULL AND reference_key IS DISTINCT FROM description_key;

ALTER TABLE read.holds ADD COLUMN description_key uuid, ADD COLUMN reference_key uuid;
CREATE INDEX holds_of_writer ON read.holds (description_key) WHERE description_key IS NOT NULL;
CREATE INDEX holds_of_second_writer ON read.holds (reference_key)
    WHERE reference_key IS NOT NULL AND reference_key IS DISTINCT FROM description_key;

ALTER TABLE read.postings ADD COLUMN description_key uuid, ADD COLUMN reference_key uuid;
CREATE INDEX postings_of_writer ON read.postings (description_key) WHERE description_key IS NOT NULL;
CREATE INDEX postings_of_second_writer ON read.postings (reference_key)
    WHERE reference_key IS NOT NULL AND reference_key IS DISTINCT FROM description_key;

TRUNCATE read.transactions, read.payments, read.transfers, read.holds, read.postings;
DROP TABLE IF EXISTS read.transactions__old, read.payments__old, read.transfers__old, read.holds__old, read.postings__old;
UPDATE read.checkpoints
SET position = 0, kept_position = NULL, token = token + 1, holder = NULL, lease_until = NULL
WHERE projection IN ('transactions', 'payments', 'transfers', 'holds', 'postings');

RESET ROLE;
