-- How often the answer to a key was given again, and when last (proof.md P-10).

ALTER TABLE log.commands
    ADD COLUMN replays bigint NOT NULL DEFAULT 0,
    ADD COLUMN replayed_at timestamptz;
GRANT UPDATE (replays, replayed_at) ON log.commands TO ledgerbank_app;
