-- Connections with outside banks: the vault of their tokens, the one-use states of customers who
-- are on their way to a bank, and the read models of connections and discrepancies.

-- Ciphertext only (AES-256-GCM under key `key_id`, bound to the connection), written in the append
-- transaction of the event that names it by `token_ref`; gone once the tokens are revoked.
CREATE TABLE log.bank_tokens (
    connection_id uuid PRIMARY KEY,
    token_ref uuid NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    access bytea NOT NULL,
    refresh bytea,
    expires_at text COLLATE "C" NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON log.bank_tokens TO ledgerbank_app;

-- A customer's way to a bank and back: `state` is a hash; the PKCE verifier is ciphertext.
CREATE TABLE work.bank_journeys (
    state bytea PRIMARY KEY,
    connection_id uuid NOT NULL,
    user_id uuid NOT NULL,
    key_id text COLLATE "C" NOT NULL,
    verifier bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);

CREATE INDEX bank_journeys_over ON work.bank_journeys (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON work.bank_journeys TO ledgerbank_app;

SET LOCAL ROLE ledgerbank_read;

CREATE TABLE read.connections (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    bank_id uuid NOT NULL,
    bank_branch_id uuid NOT NULL,
    provider text COLLATE "C" NOT NULL,
    username text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    status_reason text COLLATE "C",
    scope text COLLATE "C",
    provider_user_id text COLLATE "C",
    sync_frequency int NOT NULL,
    last_sync_at text COLLATE "C",
    next_sync_at text COLLATE "C",
    consent_expires_at text COLLATE "C",
    version bigint NOT NULL,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX connections_newest ON read.connections (inserted_at, id);
CREATE INDEX connections_of_user ON read.connections (user_id, inserted_at, id);
CREATE INDEX connections_due ON read.connections (next_sync_at) WHERE next_sync_at IS NOT NULL;

CREATE TABLE read.reconciliation (
    id uuid PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    account_id uuid,
    connection_id uuid,
    payment_id uuid,
    currency text COLLATE "C" NOT NULL,
    ledger_amount bigint,
    reported_amount bigint,
    difference bigint,
    status text COLLATE "C" NOT NULL,
    note text,
    resolved_by text COLLATE "C",
    found_at text COLLATE "C" NOT NULL,
    resolved_at text COLLATE "C",
    version bigint NOT NULL,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
);

CREATE INDEX reconciliation_newest ON read.reconciliation (found_at, id);
CREATE INDEX reconciliation_of_account ON read.reconciliation (account_id, found_at, id);

-- Lines that an outside bank tells of, by its own name for them.
CREATE INDEX transactions_from_outside ON read.transactions (account_id, external_id)
    WHERE external_id IS NOT NULL;

INSERT INTO read.checkpoints (projection) VALUES ('connections'), ('reconciliation');

RESET ROLE;
