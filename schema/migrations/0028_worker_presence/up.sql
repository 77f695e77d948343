-- Which worker processes live, so that the work of one that was killed is found at once.

-- `backend` is the connection that ends with the process; `seen_at` is when the process last said so.
CREATE TABLE work.workers (
    holder text COLLATE "C" PRIMARY KEY,
    backend int NOT NULL,
    seen_at timestamptz NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON work.workers TO ledgerbank_app;

-- Whose lease it is, or was last.
ALTER TABLE work.jobs ADD COLUMN holder text COLLATE "C";
