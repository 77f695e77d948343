"""What the doctor asks the database: one query a check, which finds what is not as it should be.

A query gives subject, severity, detail and the command that repairs it, for each fault there is.
"""

from collections.abc import Iterator
from typing import Any

from psycopg import Connection

from ops.doctoring.complaint import Complaint


def asked(connection: Connection[Any], values: dict[str, Any]) -> Iterator[Complaint]:
    """Yield what every query finds; a check that finds nothing is well."""
    for check, query in CHECKS.items():
        rows = connection.execute(query.encode(), values).fetchall()
        for subject, severity, detail, repair in rows:
            yield Complaint(check, severity, subject, detail, repair)
        if not rows:
            yield Complaint(check, "ok", "", "")


CHECKS = {
    "log": """
SELECT 'head', 'error', 'the head is at ' || head.position || ', the newest event at '
    || coalesce(newest.position, 0), 'ledgerbank audit verify'
FROM log.head AS head LEFT JOIN LATERAL (
    SELECT position, chain_hash FROM log.events ORDER BY position DESC LIMIT 1
) AS newest ON true
WHERE head.position <> coalesce(newest.position, 0) OR head.chain_hash <> newest.chain_hash
UNION ALL
SELECT 'log.events', 'error', 'the guard against changes is off',
    'psql -c ''ALTER TABLE log.events ENABLE TRIGGER ' || quote_ident(tgname) || ''''
FROM pg_trigger
WHERE tgrelid = 'log.events'::regclass AND NOT tgisinternal AND tgenabled IN ('D', 'R')
""",
    "clock": """
SELECT 'this machine', 'error', 'its clock is ' || round(abs(extract(epoch FROM
    %(now)s::timestamptz - clock_timestamp())), 1) || ' s away from that of the database',
    'chronyc makestep'
WHERE abs(extract(epoch FROM %(now)s::timestamptz - clock_timestamp())) > 2
UNION ALL
SELECT 'log', 'error', 'the newest event is of ' || recorded_at || ', which is yet to come',
    'chronyc makestep'
FROM log.head WHERE recorded_at <> '' AND recorded_at::timestamptz > clock_timestamp() + '2 s'
""",
    "projections": """
SELECT c.projection, 'error', 'has failed: ' || coalesce(c.last_error, ''),
    'ledgerbank projections resume ' || c.projection
FROM read.checkpoints AS c WHERE c.status = 'failed'
UNION ALL
SELECT c.projection, 'warning', 'is paused since ' || c.paused_at,
    'ledgerbank projections resume ' || c.projection
FROM read.checkpoints AS c WHERE c.paused_at IS NOT NULL
UNION ALL
SELECT c.projection, 'warning', (head.position - c.position) || ' events behind, nobody runs it',
    'ledgerbank project ' || c.projection
FROM read.checkpoints AS c, log.head
WHERE c.status <> 'failed' AND c.paused_at IS NULL AND c.position < head.position
    AND (c.holder IS NULL OR c.lease_until < now())
UNION ALL
SELECT c.projection, 'warning', (head.position - c.position) || ' events behind',
    'ledgerbank projections status --watch'
FROM read.checkpoints AS c, log.head
WHERE c.holder IS NOT NULL AND c.lease_until >= now() AND head.position - c.position > 10000
UNION ALL
SELECT c.projection, 'error', c.drift_rows || ' rows differed from the log at position '
    || c.verified_position, 'ledgerbank projections rebuild ' || c.projection || ' --repair'
FROM read.checkpoints AS c WHERE c.drift_rows > 0
UNION ALL
SELECT r.projection, 'warning', 'a copy was left at position ' || r.position,
    'ledgerbank projections rebuild ' || r.projection || ' --resume'
FROM read.rebuilds AS r
WHERE NOT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND classid = %(lock)s AND granted
        AND objid::bigint = (hashtext(r.projection)::bigint & 4294967295)
)
""",
    "books": """
SELECT currency, 'error', 'debits and credits differ by ' || abs(sum(debit_total - credit_total)),
    'ledgerbank ledger check'
FROM read.trial_balance GROUP BY currency HAVING sum(debit_total) <> sum(credit_total)
""",
    "relay": """
SELECT 'relay', 'warning', (head.position - relay.position) || ' events behind, nobody runs it',
    'ledgerbank worker'
FROM work.relay, log.head
WHERE relay.position < head.position AND relay.lease_until < clock_timestamp()
""",
    "scheduler": """
SELECT 'scheduler', 'warning', 'nobody leads since ' || lease_until, 'ledgerbank scheduler'
FROM work.scheduler WHERE lease_until < clock_timestamp() - interval '1 minute'
""",
    "jobs": """
SELECT queue, 'warning', count(*) || ' jobs whose worker is gone', 'ledgerbank worker'
FROM work.jobs WHERE state = 'executing' AND lease_until < clock_timestamp() - interval '1 minute'
GROUP BY queue
UNION ALL
SELECT queue, 'warning', count(*) || ' jobs due for more than ten minutes',
    'ledgerbank worker --queues ' || queue
FROM work.jobs
WHERE state IN ('available', 'scheduled', 'retryable')
    AND scheduled_at < clock_timestamp() - interval '10 minutes'
GROUP BY queue
""",
    "dead letters": """
SELECT queue, 'warning', count(*) || ' dead letters, the oldest of ' || min(died_at),
    'ledgerbank jobs dead --queue ' || queue
FROM work.dead_letters WHERE status = 'OPEN' GROUP BY queue
""",
    "seals": """
SELECT 'log', 'warning', (head.position - coalesce(newest.tree_size, 0))
    || ' events are not sealed, the oldest of ' || first.recorded_at, 'ledgerbank audit seal'
FROM log.head AS head
LEFT JOIN LATERAL (
    SELECT tree_size FROM log.checkpoints ORDER BY tree_size DESC LIMIT 1
) AS newest ON true
JOIN log.events AS first ON first.position = coalesce(newest.tree_size, 0) + 1
WHERE first.recorded_at::timestamptz
    < clock_timestamp() - (%(seal_seconds)s + 5) * interval '1 second'
""",
    "keys": """
SELECT wrapped_by, 'error', count(*) || ' data keys are wrapped under a key that is not configured',
    'ledgerbank config check'
FROM log.data_keys WHERE wrapped_by <> ALL(%(wrapping)s) GROUP BY wrapped_by
UNION ALL
SELECT key_id, 'error', 'is the key of the claims, INDEX_KEY is another',
    'ledgerbank keys rotate --index'
FROM log.index_keys WHERE replaced_at IS NULL AND key_id <> %(index_key)s
""",
    "durability": """
SELECT name, 'error', 'is off: acknowledged commands could be lost',
    'psql -c ''ALTER SYSTEM SET ' || name || ' = on'' -c ''SELECT pg_reload_conf()'''
FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
    AND %(durable)s
""",
    "indexes": """
SELECT n.nspname || '.' || c.relname, 'error', 'is not valid',
    'psql -c ''REINDEX INDEX ' || n.nspname || '.' || quote_ident(c.relname) || ''''
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT i.indisvalid AND n.nspname IN ('log', 'read', 'work')
UNION ALL
SELECT wanted.name, 'error', 'is missing', 'psql -c ''' || wanted.statement || ''''
FROM unnest(%(index_names)s::text[], %(index_statements)s::text[]) AS wanted (name, statement)
WHERE NOT EXISTS (
    SELECT FROM pg_indexes
    WHERE schemaname IN ('log', 'read', 'work') AND indexname = wanted.name
)
""",
}
