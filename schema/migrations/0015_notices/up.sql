-- What customers and staff are told of while it happens (events_audit.md §3), and who listens.

SET LOCAL ROLE ledgerbank_read;

-- One row per event that somebody may be told of; what is told is folded from the log when it is
-- sent. `other_user_id` owns the other side of a transfer. Without an owner only readers are told.
CREATE TABLE read.stream_feed (
    position bigint PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    user_id uuid,
    other_user_id uuid,
    account_id uuid,
    payment_id uuid,
    note text,
    recorded_at text COLLATE "C" NOT NULL
);

CREATE INDEX stream_feed_user ON read.stream_feed (user_id, position);
CREATE INDEX stream_feed_other_user ON read.stream_feed (other_user_id, position)
    WHERE other_user_id IS NOT NULL;

INSERT INTO read.checkpoints (projection) VALUES ('stream_feed');

RESET ROLE;

-- Streams that are open, in any process; one whose process fell silent lapses by itself.
CREATE UNLOGGED TABLE log.open_streams (
    id uuid PRIMARY KEY,
    caller text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    lease_until timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE INDEX open_streams_caller ON log.open_streams (caller, kind, lease_until);

GRANT SELECT, INSERT, UPDATE, DELETE ON log.open_streams TO ledgerbank_app;
