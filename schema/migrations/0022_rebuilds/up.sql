-- Read models in the hands of an operator: paused, checked against the log, made again in steps.

SET LOCAL ROLE ledgerbank_read;

-- `kept_at` is when a rebuild put the tables before it aside; `drift_rows` is how many rows differed
-- from the log at the newest check, which was of `verified_position`.
ALTER TABLE read.checkpoints
    ADD COLUMN paused_at timestamptz,
    ADD COLUMN kept_at timestamptz,
    ADD COLUMN verified_at timestamptz,
    ADD COLUMN verified_position bigint,
    ADD COLUMN drift_rows bigint;

-- A copy that is under way, so that whoever comes later can go on with it. `definition` is what the
-- copy was made for; a copy of anything else is not gone on with.
CREATE TABLE read.rebuilds (
    projection text COLLATE "C" PRIMARY KEY,
    definition text NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    indexed bool NOT NULL DEFAULT false,
    compared bool NOT NULL DEFAULT false,
    began_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

RESET ROLE;
