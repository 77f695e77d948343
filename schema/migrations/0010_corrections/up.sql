-- Quotes, periods, postings that count earlier than they were booked, and the trial balance of any
-- moment: its sums are kept at every thousandth position, so that none is ever far away.

SET LOCAL ROLE ledgerbank_read;

INSERT INTO read.checkpoints (projection) VALUES ('quotes'), ('periods'), ('restatements');

CREATE TABLE read.quotes (
    id uuid PRIMARY KEY,
    source_currency text COLLATE "C" NOT NULL,
    destination_currency text COLLATE "C" NOT NULL,
    source_amount bigint NOT NULL,
    destination_amount bigint NOT NULL,
    rate text NOT NULL,
    rate_source text NOT NULL,
    rate_as_of text COLLATE "C" NOT NULL,
    transfer_id uuid,
    expires_at text COLLATE "C" NOT NULL,
    issued_to text COLLATE "C" NOT NULL,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
);

-- `sums`: [{code, currency, debit_total, credit_total}] of the newest seal, minor units as text.
CREATE TABLE read.periods (
    period text COLLATE "C" PRIMARY KEY,
    status text COLLATE "C" NOT NULL,
    position bigint,
    digest text,
    sums jsonb NOT NULL,
    closed_at text COLLATE "C",
    reopened_at text COLLATE "C",
    reason text,
    restatements bigint NOT NULL,
    version bigint NOT NULL,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
);

-- `entries` as in read.postings.
CREATE TABLE read.restatements (
    id uuid PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    entries jsonb NOT NULL,
    transfer_id uuid,
    reverses_posting_id uuid,
    reason text,
    period text COLLATE "C" NOT NULL,
    effective_at text COLLATE "C" NOT NULL,
    booked_at text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    inserted_at text COLLATE "C" NOT NULL
);

CREATE INDEX restatements_effective ON read.restatements (effective_at, id);
CREATE INDEX restatements_position ON read.restatements (position);

-- What read.trial_balance said at the end of `bucket`: the positions p with p / 1000 = bucket.
CREATE TABLE read.trial_balance_marks (
    id text COLLATE "C" PRIMARY KEY,
    code text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    bucket bigint NOT NULL,
    accounts bigint NOT NULL,
    debit_total numeric(38) NOT NULL,
    credit_total numeric(38) NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX trial_balance_marks_code ON read.trial_balance_marks (code, bucket);

-- The marks of what has happened already are made by folding it again.
TRUNCATE read.trial_balance;
UPDATE read.checkpoints SET position = 0, kept_position = NULL WHERE projection = 'trial_balance';
DROP TABLE IF EXISTS read.trial_balance__old;

RESET ROLE;
