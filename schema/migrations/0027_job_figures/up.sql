-- What all workers together have counted of their attempts (config.md §5), since the beginning.

CREATE TABLE work.job_figures (
    actor text COLLATE "C" NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    ended bigint NOT NULL,
    spent_ms bigint NOT NULL,
    PRIMARY KEY (actor, outcome)
) WITH (fillfactor = 50);

-- `ended` counts attempts that took at most `limit_ms`, and longer than the limit before it; none
-- is longer than the last limit, which stands for no limit at all.
CREATE TABLE work.job_durations (
    actor text COLLATE "C" NOT NULL,
    limit_ms bigint NOT NULL,
    ended bigint NOT NULL,
    PRIMARY KEY (actor, limit_ms)
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE ON work.job_figures, work.job_durations TO ledgerbank_app;
