-- Which key the keyed hashes beside the log are made with, and what a key that was replaced leaves.

-- One row is in use; of its key only the id is here. A replaced key is kept sealed under the data
-- key `kid` while requests of its time may be repeated under their Idempotency-Key. `told` says
-- whether the audit log knows of the change to it.
CREATE TABLE log.index_keys (
    key_id text COLLATE "C" PRIMARY KEY,
    told bool NOT NULL DEFAULT true,
    replaced_at timestamptz,
    kid uuid,
    sealed bytea,
    CONSTRAINT index_keys_sealed_when_replaced
        CHECK (sealed IS NULL OR (kid IS NOT NULL AND replaced_at IS NOT NULL))
);

CREATE UNIQUE INDEX index_keys_in_use ON log.index_keys ((replaced_at IS NULL))
    WHERE replaced_at IS NULL;

-- Secrets of webhook endpoints that were derived from a key that was replaced, sealed under the
-- data key `kid`: their owners know them and shall not notice.
CREATE TABLE log.webhook_secrets (
    secret_id uuid PRIMARY KEY,
    kid uuid NOT NULL,
    sealed bytea NOT NULL
);

GRANT SELECT, INSERT, UPDATE ON log.index_keys TO ledgerbank_app;
GRANT SELECT, INSERT ON log.webhook_secrets TO ledgerbank_app;
