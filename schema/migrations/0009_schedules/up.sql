-- Schedules: work that is done again and again (jobs.md §6), and what finds the work that is due.

-- One row per entry: when it is due next. An entry that was missed is due at once, and once.
CREATE TABLE work.schedules (
    name text COLLATE "C" PRIMARY KEY,
    due_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- One row: the scheduler process that leads. It says so again in every turn; once it has been
-- silent for as long as its lease, another one leads.
CREATE TABLE work.scheduler (
    one bool PRIMARY KEY DEFAULT true CHECK (one),
    holder text NOT NULL,
    lease_until timestamptz NOT NULL
) WITH (fillfactor = 10);

INSERT INTO work.scheduler (holder, lease_until) VALUES ('', '-infinity');

GRANT SELECT, INSERT, UPDATE, DELETE ON work.schedules, work.scheduler TO ledgerbank_app;

-- Payments that wait for their date.
CREATE INDEX processes_due ON work.processes (manager, (state #>> '{due,at}' COLLATE "C"))
    WHERE state #>> '{due,at}' IS NOT NULL;

-- Holds that end by time.
SET LOCAL ROLE ledgerbank_read;
CREATE INDEX account_holds_ending ON read.account_holds (expires_at, account_id)
    WHERE expires_at IS NOT NULL;
RESET ROLE;
