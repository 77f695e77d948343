-- Failed logins by address, so that guessing slows down in every process at once (identity.md §4).
-- `claim` is the keyed hash of the address, known or not; the address itself is nowhere.
-- A row means nothing once 15 minutes have passed since `failed_at`.

CREATE TABLE log.login_failures (
    claim text COLLATE "C" PRIMARY KEY,
    failures int NOT NULL CHECK (failures > 0),
    failed_at timestamptz NOT NULL,
    locked_until timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX login_failures_failed_at ON log.login_failures (failed_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON log.login_failures TO ledgerbank_app;
