"""Events are found by index: a page deep in a long log reads no more rows than it shows."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import msgspec
import psycopg
import pytest

from ops.embedded.postgres import Place
from projections import events
from projections.page import Keyset, parse
from projections.selects import Page
from schema.postgres import Pool, open_pool
from tests.api.queries.conftest import copied
from tests.api.queries.test_plans import CURSORS, Watched, nodes, rows_read
from tests.projections.history import KEKS

ROWS, LIMIT = 60_000, 50
BUSY, QUIET = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"


@pytest.fixture(scope="module")
def long_log(postgres_server: Place, migrated: str) -> Iterator[str]:
    """Give a log in which half of everything is one busy person's."""
    values = {"rows": ROWS, "busy": BUSY, "quiet": QUIET}
    with copied(postgres_server, migrated) as database:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(FILL.encode(), values)
            connection.execute("UPDATE log.head SET position = %s", (ROWS,))
            connection.execute("ANALYZE log.events")
        yield database


def carried_out(dsn: str, place: int | None, **asked: str) -> tuple[Page, list[dict[str, Any]]]:
    """Return a page behind a place and how the database read it."""

    async def run() -> tuple[Page, list[dict[str, Any]]]:
        wanted = parse(events.LISTING, {"limit": str(LIMIT), **asked}, CURSORS)
        if place is not None:
            behind = Keyset(LIMIT, (str(place), BUSY))
            wanted = msgspec.structs.replace(wanted, paging=behind)
        pool = await open_pool(dsn, 1, "ledgerbank_app")
        async with pool:
            watched = Watched(pool)
            page = await events.page(cast("Pool", watched), KEKS, wanted)
            return page, watched.plans

    return asyncio.run(run())


@pytest.mark.parametrize("place", [None, 47_999, 4_999])
@pytest.mark.parametrize("sort", ["position:asc", "position:desc"])
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"type": "AccountCredited"},
        {"type": "BankRegistered"},
        {"stream_type": "account"},
        {"actor_id": BUSY},
        {"actor_id": QUIET},
        {"correlation_id": "req_7"},
        {"position_from": "1000", "position_to": "59000"},
        {"date_from": "2025-01-01T00:05:00Z"},
        {"stream_id": f"account-{BUSY}"},
    ],
    ids=lambda asked: "-".join(asked) or "all",
)
def test_a_page_of_events_follows_an_index(
    long_log: str, asked: dict[str, str], sort: str, place: int | None
) -> None:
    page, plans = carried_out(long_log, place, sort=sort, **asked)
    scans = [node for node in nodes(plans[0]) if node.get("Relation Name") == "events"]
    assert {node["Node Type"] for node in scans} <= {"Index Scan", "Bitmap Heap Scan"}, plans[0]
    read = sum(map(rows_read, scans))
    shown = len(msgspec.json.decode(page.data))
    assert shown == LIMIT or place is not None or asked.keys() & {"correlation_id", "type"}
    assert read <= 10 * (LIMIT + 1), (read, plans[0])


def test_numbered_pages_of_all_count_nothing(long_log: str) -> None:
    async def run() -> tuple[Page, list[dict[str, Any]]]:
        pool = await open_pool(long_log, 1, "ledgerbank_app")
        async with pool:
            watched = Watched(pool)
            wanted = parse(events.LISTING, {"page": "900", "page_size": "50"}, CURSORS)
            return await events.page(cast("Pool", watched), KEKS, wanted), watched.plans

    page, plans = asyncio.run(run())
    assert page.pagination["total_count"] == ROWS
    scans = [
        node for plan in plans for node in nodes(plan) if node.get("Relation Name") == "events"
    ]
    assert sum(map(rows_read, scans)) <= 51
    assert msgspec.json.decode(page.data)[0]["position"] == 44_951


FILL = """
INSERT INTO log.events (position, stream_id, version, event_id, command_id, name, schema_version,
    data, actor_id, correlation_id, recorded_at, effective_at, content_hash, chain_hash)
SELECT n, CASE WHEN n %% 2 = 0 THEN 'account-' || %(busy)s ELSE 'payment-' || gen_random_uuid() END,
    CASE WHEN n %% 2 = 0 THEN n / 2 ELSE 1 END, gen_random_uuid(), gen_random_uuid(),
    CASE WHEN n %% 2 = 0 THEN 'AccountCredited' WHEN n %% 3001 = 1 THEN 'BankRegistered'
        ELSE 'PaymentCreated' END, 1,
    convert_to(json_build_object('data', '{}'::json, 'metadata', json_build_object(
        'actor', '{"type":"system"}'::json, 'correlation_id', 'x'), 'recorded_at', '',
        'schema_version', 1, 'stream_id', '', 'stream_version', 1, 'type', '')::text, 'UTF8'),
    CASE WHEN n %% 2 = 0 THEN %(busy)s WHEN n %% 401 = 1 THEN %(quiet)s ELSE md5(n::text) END,
    'req_' || n / 4, '2025-01-01T00:' || lpad((n / 6000)::text, 2, '0') || ':'
        || lpad((n %% 6000 / 100)::text, 2, '0') || '.' || lpad((n %% 100)::text, 6, '0') || 'Z',
    '', '', ''
FROM generate_series(1, %(rows)s) AS n
"""
