-- The audit log as it is read; jobs that died and were not told of; the settings last seen.

-- One row per security event (events_audit.md §4). `ip` and `user_agent` are in clear as long as
-- the key they were sealed under exists; `sealed_for` is the person whose key that is, if anybody's.
SET LOCAL ROLE ledgerbank_read;

CREATE TABLE read.audit_log (
    id uuid PRIMARY KEY,
    position bigint NOT NULL,
    action text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    actor_type text COLLATE "C" NOT NULL,
    actor_id text COLLATE "C",
    actor_role text COLLATE "C",
    subject_type text COLLATE "C",
    subject_id text COLLATE "C",
    ip text COLLATE "C",
    user_agent text,
    sealed_for uuid,
    correlation_id text COLLATE "C" NOT NULL,
    details jsonb NOT NULL,
    recorded_at text COLLATE "C" NOT NULL
);

CREATE INDEX audit_log_newest ON read.audit_log (recorded_at, position, id);
CREATE INDEX audit_log_of_action ON read.audit_log (action, recorded_at, position, id);
CREATE INDEX audit_log_of_outcome ON read.audit_log (outcome, recorded_at, position, id);
CREATE INDEX audit_log_of_actor ON read.audit_log (actor_id, recorded_at, position, id)
    WHERE actor_id IS NOT NULL;
CREATE INDEX audit_log_of_subject ON read.audit_log (subject_id, recorded_at, position, id)
    WHERE subject_id IS NOT NULL;
CREATE INDEX audit_log_from ON read.audit_log (ip, recorded_at, position, id)
    WHERE ip IS NOT NULL;
CREATE INDEX audit_log_sealed_for ON read.audit_log (sealed_for) WHERE sealed_for IS NOT NULL;

INSERT INTO read.checkpoints (projection) VALUES ('audit_log');

RESET ROLE;

-- Null until the audit log tells of the dead letter.
ALTER TABLE work.dead_letters ADD COLUMN told_at timestamptz;
CREATE INDEX dead_letters_untold ON work.dead_letters (died_at) WHERE told_at IS NULL;

-- Settings that every process of a deployment shares, as keyed hashes of their values.
CREATE TABLE work.configuration (
    name text COLLATE "C" PRIMARY KEY,
    digest text COLLATE "C" NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON work.configuration TO ledgerbank_app;
