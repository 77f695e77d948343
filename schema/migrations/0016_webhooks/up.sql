-- Outbound webhooks (jobs.md §7): where somebody wants to be told, and what became of each telling.

SET LOCAL ROLE ledgerbank_read;

-- `secret_id` names the secret that signs; the one before it signs too for a day. `position` is
-- that of the registration: nothing earlier is told.
CREATE TABLE read.webhook_endpoints (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL,
    scope text COLLATE "C" NOT NULL,
    url text NOT NULL,
    event_types jsonb NOT NULL,
    description text,
    reference text,
    description_key uuid,
    reference_key uuid,
    status text COLLATE "C" NOT NULL,
    disabled_reason text,
    secret_id uuid NOT NULL,
    previous_secret_id uuid,
    rotated_at text COLLATE "C",
    position bigint NOT NULL,
    version bigint NOT NULL,
    inserted_at text COLLATE "C" NOT NULL,
    updated_at text COLLATE "C" NOT NULL
);

CREATE INDEX webhook_endpoints_user ON read.webhook_endpoints (user_id, inserted_at, id);

INSERT INTO read.checkpoints (projection) VALUES ('webhook_endpoints');

RESET ROLE;

-- Up to where in the log an endpoint's deliveries have been written down, and how many of them
-- died in a row.
CREATE TABLE work.webhook_cursors (
    endpoint_id uuid PRIMARY KEY,
    position bigint NOT NULL,
    dead_in_row int NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- One row per endpoint and event; its id is what receivers tell repetitions by. `round` counts how
-- often somebody wanted it sent again.
CREATE TABLE work.deliveries (
    id uuid PRIMARY KEY,
    endpoint_id uuid NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    status text COLLATE "C" NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'delivered', 'dead')),
    round int NOT NULL DEFAULT 1,
    attempts int NOT NULL DEFAULT 0,
    response_status int,
    last_error text,
    next_attempt_at text COLLATE "C",
    delivered_at text COLLATE "C",
    inserted_at text COLLATE "C" NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX deliveries_endpoint ON work.deliveries (endpoint_id, position, event_type);
CREATE INDEX deliveries_untried ON work.deliveries (endpoint_id, position, event_type)
    WHERE status = 'pending' AND attempts = 0;

GRANT SELECT, INSERT, UPDATE, DELETE ON work.webhook_cursors, work.deliveries TO ledgerbank_app;

CREATE INDEX deliveries_delivered ON work.deliveries (delivered_at) WHERE status = 'delivered';

-- What is kept for a while only (jobs.md §6), and up to where it has gone. The index of commands by
-- time costs an append next to nothing: it knows ranges of pages, and the log grows in order.
CREATE TABLE work.purges (
    name text COLLATE "C" PRIMARY KEY,
    purged_until text COLLATE "C" NOT NULL
);

INSERT INTO work.purges (name, purged_until) VALUES ('purge_idempotency', '');

GRANT SELECT, UPDATE ON work.purges TO ledgerbank_app;

CREATE INDEX commands_recorded ON log.commands USING brin (recorded_at) WITH (pages_per_range = 32);
CREATE INDEX claims_expiring ON log.claims (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX session_state_expiry ON log.session_state (expires_at);
