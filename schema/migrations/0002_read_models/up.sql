-- Read models: what queries see. Every row can be made again from the log, so the tables belong to
-- the role that follows it (ledgerbank_read); the application may only look.
-- Times are the log's own text (RFC 3339, UTC, microseconds); money is minor units.

CREATE SCHEMA read AUTHORIZATION ledgerbank_read;
SET LOCAL ROLE ledgerbank_read;
ALTER DEFAULT PRIVILEGES IN SCHEMA read GRANT SELECT ON TABLES TO ledgerbank_app;
GRANT USAGE ON SCHEMA read TO ledgerbank_app;

-- How far each projection has read, and who moves it. `token` grows with every change of runner:
-- a runner that lost its lease cannot move the checkpoint any more. A lease ends at `lease_until`,
-- or when the server process `backend` of its holder is gone. `kept_position` belongs to the tables
-- that a rebuild put aside.
CREATE TABLE read.checkpoints (
    projection text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL DEFAULT 0,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'rebuilding', 'failed')),
    last_error text,
    token bigint NOT NULL DEFAULT 0,
    holder text,
    backend int,
    lease_until timestamptz,
    kept_position bigint,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 20);

INSERT INTO read.checkpoints (projection)
VALUES ('users'), ('accounts'), ('transactions'), ('payments'), ('transfers'), ('holds'),
       ('postings'), ('trial_balance'), ('banks');

-- Decimals of a currency (ISO 4217 list one); a test compares them with ledger.money.EXPONENTS.
CREATE FUNCTION read.exponent(currency text) RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN currency = ANY ('{BIF,CLP,DJF,GNF,ISK,JPY,KMF,KRW,PYG,RWF,UGX,UYI,VND,VUV,XAF,XOF,XPF}') THEN 0
        WHEN currency = ANY ('{BHD,IQD,JOD,KWD,LYD,OMR,TND}') THEN 3
        WHEN currency = ANY ('{CLF,UYW}') THEN 4
        ELSE 2
    END;

-- Minor units as an exact number of major units; its scale is the currency's exponent.
CREATE FUNCTION read.amount(minor numeric, currency text) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN minor * CASE
        WHEN currency = ANY ('{BIF,CLP,DJF,GNF,ISK,JPY,KMF,KRW,PYG,RWF,UGX,UYI,VND,VUV,XAF,XOF,XPF}') THEN 1
        WHEN currency = ANY ('{BHD,IQD,JOD,KWD,LYD,OMR,TND}') THEN 0.001
        WHEN currency = ANY ('{CLF,UYW}') THEN 0.0001
        ELSE 0.01
    END;

-- Minor units as the decimal text of the wire (http.md §1.6).
CREATE FUNCTION read.money(minor numeric, currency text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN read.amount(minor, currency)::text;

CREATE TABLE read.users (
    id uuid PRIMARY KEY,
    email text COLLATE "C",
    full_name text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    role text COLLATE "C" NOT NULL,
    verified bool NOT NULL,
    last_login_at text COLLATE "C",
    version bigint NOT NULL,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX users_newest ON read.users (inserted_at, id);
CREATE INDEX users_email ON read.users (email);

CREATE TABLE read.accounts (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    currency text COLLATE "C" NOT NULL,
    account_type text COLLATE "C" NOT NULL,
    account_name text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    status_reason text,
    balance bigint NOT NULL,
    held bigint NOT NULL,
    credit_limit bigint NOT NULL,
    daily_limit bigint,
    single_limit bigint,
    spent_day text COLLATE "C" NOT NULL,
    spent bigint NOT NULL,
    last_four text NOT NULL,
    bank_connection_id uuid,
    external_account_id text,
    last_sync_at text COLLATE "C",
    version bigint NOT NULL,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX accounts_newest ON read.accounts (inserted_at, id);
CREATE INDEX accounts_of_user ON read.accounts (user_id, inserted_at, id);

-- The active holds behind `accounts.held`, so that one that lapses stops counting at its moment.
CREATE TABLE read.account_holds (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    remaining bigint NOT NULL,
    expires_at text COLLATE "C"
);

CREATE INDEX account_holds_lapsing ON read.account_holds (account_id, expires_at)
    INCLUDE (remaining) WHERE expires_at IS NOT NULL;

-- One row per entry on a customer's account. `booked_at` is `posted_at`, or when it became known.
CREATE TABLE read.transactions (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    user_id uuid NOT NULL,
    type text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    direction text COLLATE "C" NOT NULL,
    description text,
    reference text,
    balance_after bigint,
    posting_id uuid,
    payment_id uuid,
    transfer_id uuid,
    external_id text,
    counterparty_account_id uuid,
    counterparty_user_id uuid,
    named_by text COLLATE "C",
    position bigint NOT NULL,
    booked_at text COLLATE "C" NOT NULL,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
);

CREATE INDEX transactions_newest ON read.transactions (booked_at, id);
CREATE INDEX transactions_of_user ON read.transactions (user_id, booked_at, id);
CREATE INDEX transactions_of_account ON read.transactions (account_id, booked_at, id);

CREATE TABLE read.payments (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    user_bank_account_id uuid NOT NULL,
    amount bigint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    direction text COLLATE "C" NOT NULL,
    payment_type text COLLATE "C" NOT NULL,
    description text,
    reference text,
    status text COLLATE "C" NOT NULL,
    processing text COLLATE "C" NOT NULL,
    priority int NOT NULL,
    scheduled_at text COLLATE "C",
    rail text COLLATE "C" NOT NULL,
    destination_account_id uuid,
    hold_id uuid,
    posting_id uuid,
    reversal_posting_id uuid,
    external_transaction_id text,
    failure_reason text,
    processing_started_at text COLLATE "C",
    failed_at text COLLATE "C",
    posted_at text COLLATE "C",
    created_by text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX payments_newest ON read.payments (inserted_at, id);
CREATE INDEX payments_of_user ON read.payments (user_id, inserted_at, id);
CREATE INDEX payments_of_account ON read.payments (user_bank_account_id, inserted_at, id);
CREATE INDEX payments_of_status ON read.payments (status, inserted_at, id);

CREATE TABLE read.transfers (
    id uuid PRIMARY KEY,
    status text COLLATE "C" NOT NULL,
    source_account_id uuid NOT NULL,
    destination_account_id uuid NOT NULL,
    source_user_id uuid NOT NULL,
    destination_user_id uuid NOT NULL,
    amount bigint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    destination_amount bigint NOT NULL,
    destination_currency text COLLATE "C" NOT NULL,
    rate text,
    fx_quote_id uuid,
    description text,
    reference text,
    posting_id uuid NOT NULL,
    reversal_posting_id uuid,
    initiated_by text COLLATE "C" NOT NULL,
    posted_at text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
);

CREATE INDEX transfers_newest ON read.transfers (inserted_at, id);
CREATE INDEX transfers_of_source_user ON read.transfers (source_user_id, inserted_at, id);
CREATE INDEX transfers_of_destination_user ON read.transfers (destination_user_id, inserted_at, id);
CREATE INDEX transfers_of_source ON read.transfers (source_account_id, inserted_at, id);
CREATE INDEX transfers_of_destination ON read.transfers (destination_account_id, inserted_at, id);

CREATE TABLE read.holds (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    user_id uuid NOT NULL,
    purpose text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    captured_amount bigint NOT NULL,
    remaining_amount bigint NOT NULL,
    currency text COLLATE "C" NOT NULL,
    description text,
    reference text,
    destination_account_id uuid,
    payment_id uuid,
    placed_by text COLLATE "C" NOT NULL,
    expires_at text COLLATE "C",
    version bigint NOT NULL,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX holds_of_account ON read.holds (account_id, inserted_at, id);

-- `entries`: [{id, account_id, account_code, user_id, amount, currency}], amount signed minor units.
CREATE TABLE read.postings (
    id uuid PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    description text,
    reference text,
    entries jsonb NOT NULL,
    payment_id uuid,
    transfer_id uuid,
    hold_id uuid,
    reverses_posting_id uuid,
    reversed_by_posting_id uuid,
    reason text,
    booked_at text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
);

-- One row per system account, and one per currency for all customers' accounts (ledger.md §8).
-- The totals only ever grow, beyond 64 bits if need be.
CREATE TABLE read.trial_balance (
    code text COLLATE "C" PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    accounts bigint NOT NULL,
    debit_total numeric(38) NOT NULL,
    credit_total numeric(38) NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE read.banks (
    id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    country text COLLATE "C" NOT NULL,
    logo_url text,
    api_endpoint text,
    provider text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
);

CREATE INDEX banks_newest ON read.banks (inserted_at, id);

CREATE TABLE read.branches (
    id uuid PRIMARY KEY,
    bank_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    country text COLLATE "C" NOT NULL,
    iban text,
    swift_code text,
    routing_number text,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
);

CREATE INDEX branches_of_bank ON read.branches (bank_id, inserted_at, id);

RESET ROLE;
