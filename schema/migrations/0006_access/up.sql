-- Service accounts sign in with a key of which only the hash is kept, written in the append
-- transaction. `generation` counts the keys an account has had. `last_used_at` is no fact of the
-- log: requests write it, once a minute at most.

CREATE TABLE log.service_keys (
    service_id uuid PRIMARY KEY,
    key_hash bytea,
    generation int NOT NULL,
    scopes text[] NOT NULL,
    status text NOT NULL,
    last_used_at text COLLATE "C"
) WITH (fillfactor = 70);

GRANT SELECT, INSERT, UPDATE, DELETE ON log.service_keys TO ledgerbank_app;

SET LOCAL ROLE ledgerbank_read;

CREATE TABLE read.service_accounts (
    id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    scopes jsonb NOT NULL,
    status text COLLATE "C" NOT NULL,
    key_prefix text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
);

CREATE INDEX service_accounts_newest ON read.service_accounts (inserted_at, id);

-- Sessions that have not been ended one by one. Where somebody signed in from stays sealed under
-- data key `kid`. `used_at` is the sign-in or the newest refresh; `position` is that of the sign-in.
CREATE TABLE read.sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    kid uuid,
    ip text,
    user_agent text,
    expires_at text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    started_at text COLLATE "C" NOT NULL,
    used_at text COLLATE "C" NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX sessions_of_user ON read.sessions (user_id, started_at, id);

-- The newest position at which all sessions of a user ended at once.
CREATE TABLE read.session_ends (
    user_id uuid PRIMARY KEY,
    position bigint NOT NULL
);

INSERT INTO read.checkpoints (projection) VALUES ('sessions'), ('service_accounts');
