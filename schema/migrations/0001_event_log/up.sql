-- The log: events with contiguous positions, the head row that hands them out, and all rows that
-- are written in the same database transaction as events.

CREATE SCHEMA log;

DO $roles$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ledgerbank_app') THEN
        CREATE ROLE ledgerbank_app NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ledgerbank_read') THEN
        CREATE ROLE ledgerbank_read NOLOGIN;
    END IF;
END
$roles$;

-- One row. An append is a compare-and-swap on `position`; `epoch` is renewed by restore and import.
CREATE TABLE log.head (
    one bool PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL,
    chain_hash bytea NOT NULL,
    recorded_at text NOT NULL,
    epoch text NOT NULL
) WITH (fillfactor = 10);

INSERT INTO log.head (position, chain_hash, recorded_at, epoch)
VALUES (0, sha256('ledgerbank'), '', encode(substr(sha256(gen_random_uuid()::text::bytea), 1, 8), 'hex'));

-- `data` is the whole envelope in canonical JSON, exactly the bytes that are hashed; the other
-- columns repeat what must be found by index and are checked against it by `audit verify`.
-- Times are the envelope's own text (RFC 3339, UTC, microseconds): its order is time order.
CREATE TABLE log.events (
    position bigint PRIMARY KEY,
    stream_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    event_id uuid NOT NULL,
    command_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL,
    schema_version smallint NOT NULL,
    data bytea NOT NULL,
    actor_id text COLLATE "C",
    correlation_id text COLLATE "C" NOT NULL,
    recorded_at text COLLATE "C" NOT NULL,
    effective_at text COLLATE "C" NOT NULL,
    content_hash bytea NOT NULL,
    chain_hash bytea NOT NULL,
    CONSTRAINT events_stream_version UNIQUE (stream_id, version)
);

ALTER TABLE log.events ALTER COLUMN data SET STORAGE EXTERNAL;
CREATE INDEX events_name ON log.events (name, position);
CREATE INDEX events_recorded_at ON log.events USING brin (recorded_at);

-- What became of every command, for ever: the answer to a repeated key and to a lost reply.
-- Commands without an Idempotency-Key are kept under scope '' and their own id.
CREATE TABLE log.commands (
    scope text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    command_id uuid NOT NULL,
    request_hash bytea,
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    answer bytea,
    answer_key text,
    recorded_at text COLLATE "C" NOT NULL,
    CONSTRAINT commands_scope_key PRIMARY KEY (scope, key)
);

-- Unique keys taken and released together with events (ledger.md §11).
CREATE TABLE log.claims (
    namespace text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    holder text COLLATE "C" NOT NULL,
    expires_at text COLLATE "C",
    position bigint NOT NULL,
    CONSTRAINT claims_namespace_key PRIMARY KEY (namespace, key)
);

-- States of long streams, so that a stream of any length loads in O(1). Disposable.
CREATE TABLE log.snapshots (
    stream_id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    state bytea NOT NULL,
    CONSTRAINT snapshots_stream_version PRIMARY KEY (stream_id, version)
);

-- Private rows: what the log must not hold. Written in the append transaction.
CREATE TABLE log.data_keys (
    kid uuid PRIMARY KEY,
    subject text COLLATE "C" NOT NULL UNIQUE,
    wrapped bytea NOT NULL,
    wrapped_by text NOT NULL
);

CREATE TABLE log.credentials (
    user_id uuid PRIMARY KEY,
    password_hash text NOT NULL
);

-- Who may act now: read for every authenticated query, judged again inside every append.
CREATE TABLE log.principals (
    user_id uuid PRIMARY KEY,
    role text NOT NULL,
    status text NOT NULL,
    session_version int NOT NULL
);

CREATE TABLE log.session_state (
    session_id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    jti uuid NOT NULL,
    alive bool NOT NULL,
    expires_at text COLLATE "C" NOT NULL
);

CREATE INDEX session_state_user ON log.session_state (user_id);

-- An event is never changed and never removed, whoever asks.
CREATE FUNCTION log.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $refuse$
BEGIN
    RAISE EXCEPTION 'log.events is append-only: % refused', TG_OP USING ERRCODE = 'insufficient_privilege';
END
$refuse$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.events
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

GRANT USAGE ON SCHEMA log TO ledgerbank_app, ledgerbank_read;
GRANT SELECT, INSERT ON log.events TO ledgerbank_app;
GRANT SELECT, UPDATE ON log.head TO ledgerbank_app;
GRANT SELECT, INSERT ON log.commands TO ledgerbank_app;
GRANT UPDATE (answer, answer_key) ON log.commands TO ledgerbank_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    log.claims, log.snapshots, log.data_keys, log.credentials, log.principals, log.session_state
    TO ledgerbank_app;
GRANT SELECT ON log.events, log.head, log.data_keys TO ledgerbank_read;
GRANT ledgerbank_app TO CURRENT_USER;
GRANT ledgerbank_read TO CURRENT_USER;
