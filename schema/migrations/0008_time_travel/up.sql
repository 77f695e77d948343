-- Looking back: where a moment lies in the log, marks from which an account is folded to any moment,
-- and what an account still waits for.

-- The last position of a whole command at or before a position: inside a command it is where the
-- command before it ended.
CREATE FUNCTION log.boundary(wanted bigint) RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT CASE
            WHEN later.command_id IS DISTINCT FROM this.command_id THEN this.position
            ELSE coalesce((
                SELECT e.position FROM log.events AS e
                WHERE e.position < this.position AND e.command_id <> this.command_id
                ORDER BY e.position DESC LIMIT 1
            ), 0)
        END
        FROM log.events AS this
        LEFT JOIN log.events AS later ON later.position = this.position + 1
        WHERE this.position = wanted
    );

-- The last position recorded at or before an instant (the log's own text), found by halving: times
-- do not decrease in position order.
CREATE FUNCTION log.position_at(instant text) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $position_at$
DECLARE
    low bigint := 0;
    high bigint := (SELECT position FROM log.head);
    middle bigint;
BEGIN
    WHILE low < high LOOP
        middle := (low + high + 1) / 2;
        IF (SELECT recorded_at FROM log.events WHERE position = middle) <= instant COLLATE "C" THEN
            low := middle;
        ELSE
            high := middle - 1;
        END IF;
    END LOOP;
    RETURN low;
END
$position_at$;

COMMENT ON FUNCTION log.position_at IS 'the last position recorded at or before a moment';

-- The few events that count earlier than they were recorded.
CREATE INDEX events_backdated ON log.events (stream_id, position)
    WHERE effective_at <> recorded_at;

-- How many payments each account waits for (ledger.decisions.unfinished), for the payments that
-- are under way: its own until they end, and those on their way to it while they are processed.
WITH created AS (
    SELECT stream_id, convert_from(data, 'UTF8')::json -> 'data' AS terms
    FROM log.events AS c
    WHERE name = 'PaymentCreated' AND NOT EXISTS (
        SELECT FROM log.events AS e
        WHERE e.stream_id = c.stream_id
            AND e.name IN ('PaymentCompleted', 'PaymentFailed', 'PaymentCancelled')
    )
), waiting AS (
    SELECT terms ->> 'user_bank_account_id' AS account_id FROM created
    UNION ALL
    SELECT terms ->> 'destination_account_id' FROM created AS c
    WHERE terms ->> 'destination_account_id' IS NOT NULL AND EXISTS (
        SELECT FROM log.events AS e
        WHERE e.stream_id = c.stream_id AND e.name = 'PaymentProcessingStarted'
    )
)
INSERT INTO log.claims (namespace, key, holder, position)
SELECT 'unfinished_payments', account_id, count(*)::text, (SELECT position FROM log.head)
FROM waiting GROUP BY account_id;

SET LOCAL ROLE ledgerbank_read;

-- Accounts are folded again from the beginning, with what looking back needs. `named_in` is the
-- version of the event that named it; `holds` are the active ones: remaining and expires_at by id.
TRUNCATE read.accounts, read.account_holds;
UPDATE read.checkpoints SET position = 0, kept_position = NULL, holder = NULL, token = token + 1
WHERE projection = 'accounts';
ALTER TABLE read.accounts
    ADD COLUMN named_in bigint NOT NULL,
    ADD COLUMN holds jsonb NOT NULL;

-- An account as it was after some of its versions, but for its name, which only the log may keep.
CREATE TABLE read.account_marks (
    id text COLLATE "C" PRIMARY KEY,
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    position bigint NOT NULL,
    account jsonb NOT NULL
);

CREATE INDEX account_marks_newest ON read.account_marks (account_id, position);

RESET ROLE;
