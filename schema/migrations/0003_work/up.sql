-- Work: jobs and their dead letters, the states of process managers, and the relay's checkpoint.
-- All of it follows from the log (and from schedules); only the application touches it.

CREATE SCHEMA work;

-- One row per job (jobs.md §4), the truth about it; the broker only carries its id.
-- `failures` counts attempts that failed and count; the attempt under way is the next one.
-- `deaths` counts workers that died under it; `deferred_ms` sums the waits that do not count.
-- `dispatched_at` is null until its id was given to the broker for the try that is due.
CREATE TABLE work.jobs (
    id uuid PRIMARY KEY,
    queue text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN (
        'available', 'scheduled', 'executing', 'retryable', 'completed', 'cancelled', 'discarded'
    )),
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),
    attempt int NOT NULL DEFAULT 0,
    max_attempts int NOT NULL,
    failures int NOT NULL DEFAULT 0,
    deaths int NOT NULL DEFAULT 0,
    deferred_ms bigint NOT NULL DEFAULT 0,
    subject_type text COLLATE "C" NOT NULL,
    subject_id text COLLATE "C" NOT NULL,
    unique_key text COLLATE "C",
    unique_until timestamptz,
    correlation_id text COLLATE "C" NOT NULL,
    causation_id text COLLATE "C",
    traceparent text COLLATE "C",
    arguments jsonb NOT NULL DEFAULT '{}',
    cause text COLLATE "C" NOT NULL,
    cause_position bigint,
    inserted_at timestamptz NOT NULL,
    scheduled_at timestamptz NOT NULL,
    dispatched_at timestamptz,
    attempted_at timestamptz,
    completed_at timestamptz,
    lease_until timestamptz,
    lease_token uuid,
    errors jsonb NOT NULL DEFAULT '[]',
    CONSTRAINT jobs_lease_while_executing
        CHECK ((state = 'executing') = (lease_token IS NOT NULL AND lease_until IS NOT NULL)),
    CONSTRAINT jobs_completed_when_final
        CHECK ((state IN ('completed', 'cancelled', 'discarded')) = (completed_at IS NOT NULL))
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX jobs_unique_while_open ON work.jobs (unique_key)
    WHERE unique_key IS NOT NULL AND state IN ('available', 'scheduled', 'executing', 'retryable');
CREATE INDEX jobs_unique_until ON work.jobs (unique_key, unique_until) WHERE unique_until IS NOT NULL;
CREATE INDEX jobs_undispatched ON work.jobs (queue, priority, scheduled_at)
    WHERE dispatched_at IS NULL AND state IN ('available', 'scheduled', 'retryable');
CREATE INDEX jobs_dispatched ON work.jobs (queue, dispatched_at)
    WHERE dispatched_at IS NOT NULL AND state IN ('available', 'scheduled', 'retryable');
CREATE INDEX jobs_leases ON work.jobs (lease_until) WHERE state = 'executing';
CREATE INDEX jobs_subject ON work.jobs (subject_id, inserted_at);
CREATE INDEX jobs_inserted ON work.jobs (inserted_at, id);
CREATE INDEX jobs_completed ON work.jobs (completed_at) WHERE completed_at IS NOT NULL;

-- Jobs that ended without success (jobs.md §5). Each keeps what a new job for its subject needs,
-- because it outlives its job.
CREATE TABLE work.dead_letters (
    id uuid PRIMARY KEY,
    job_id uuid NOT NULL UNIQUE,
    queue text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    subject_type text COLLATE "C" NOT NULL,
    subject_id text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    category text COLLATE "C" NOT NULL,
    attempts int NOT NULL,
    status text COLLATE "C" NOT NULL DEFAULT 'OPEN' CHECK (status IN ('OPEN', 'RETRIED')),
    retried_job_id uuid,
    died_at timestamptz NOT NULL,
    retried_at timestamptz,
    priority smallint NOT NULL,
    unique_key text COLLATE "C",
    correlation_id text COLLATE "C" NOT NULL,
    causation_id text COLLATE "C",
    traceparent text COLLATE "C",
    arguments jsonb NOT NULL,
    cause_position bigint,
    CONSTRAINT dead_letters_retried_once
        CHECK ((status = 'RETRIED') = (retried_job_id IS NOT NULL AND retried_at IS NOT NULL))
);

CREATE INDEX dead_letters_died ON work.dead_letters (died_at, id);
CREATE INDEX dead_letters_subject ON work.dead_letters (subject_id, died_at);

-- What each process manager remembers of each process that has not ended.
CREATE TABLE work.processes (
    manager text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    state jsonb NOT NULL,
    position bigint NOT NULL,
    CONSTRAINT processes_manager_key PRIMARY KEY (manager, key)
) WITH (fillfactor = 70);

-- One row: how far the log has been turned into jobs, and who may do it now. `token` rises with
-- every holder; a holder that was overtaken changes nothing any more.
CREATE TABLE work.relay (
    one bool PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL,
    holder text NOT NULL,
    token bigint NOT NULL,
    lease_until timestamptz NOT NULL
) WITH (fillfactor = 10);

INSERT INTO work.relay (position, holder, token, lease_until) VALUES (0, '', 0, '-infinity');

GRANT USAGE ON SCHEMA work TO ledgerbank_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON work.jobs, work.dead_letters, work.processes, work.relay
    TO ledgerbank_app;
