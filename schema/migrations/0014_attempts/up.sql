-- Attempts: one row per try of a job, so that a story can be told afterwards (proof.md P-9).

-- `token` is the lease the try was made under. `outcome` is null while it is under way.
CREATE TABLE work.attempts (
    token uuid PRIMARY KEY,
    job_id uuid NOT NULL REFERENCES work.jobs ON DELETE CASCADE,
    attempt int NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    outcome text COLLATE "C" CHECK (outcome IN (
        'completed', 'retryable', 'discarded', 'handed_back', 'worker_died', 'cancelled'
    )),
    reason text COLLATE "C",
    CONSTRAINT attempts_ended_with_an_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL))
) WITH (fillfactor = 80);

CREATE INDEX attempts_job ON work.attempts (job_id, started_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON work.attempts TO ledgerbank_app;

-- The jobs and dead letters of one story, and the letters still open per queue.
CREATE INDEX jobs_correlation ON work.jobs (correlation_id);
CREATE INDEX dead_letters_correlation ON work.dead_letters (correlation_id);
CREATE INDEX dead_letters_open ON work.dead_letters (queue) WHERE status = 'OPEN';
