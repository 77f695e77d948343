-- The journal: postings in the order they were booked, for exports of the whole ledger.

SET LOCAL ROLE ledgerbank_read;
CREATE INDEX postings_in_order ON read.postings (booked_at, position);
RESET ROLE;
