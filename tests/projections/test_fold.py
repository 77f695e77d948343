"""Folding many events at once is folding them one by one."""

from itertools import pairwise

import msgspec
import psycopg
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from ledger.events.event import Event
from projections.catalogue import ALL, BY_NAME
from projections.known import Known
from projections.log import Logged, decode_event
from projections.projector import Fold, Projector, apply, relevant
from projections.rows import Rows
from tests.projections.conftest import contents, followed, wait_for
from tests.projections.history import KEKS, History
from tests.projections.scripts import Script

scripts = st.lists(st.integers(0, 499), max_size=40)
cuts = st.sets(st.integers(1, 200), max_size=10)


@settings(max_examples=60)
@forall(scripts, cuts)
def test_where_a_batch_ends_makes_no_difference(script: list[int], ends: set[int]) -> None:
    history = History()
    Script(history).play(script)
    events, known = logged(history), remembered(history)
    for projector in ALL:
        at_once = folded(projector, known, events, {len(events)})
        in_parts = folded(projector, known, events, {*ends, len(events)})
        one_by_one = folded(projector, known, events, set(range(len(events) + 1)))
        assert at_once == in_parts == one_by_one


def folded(
    projector: Projector, known: Known, events: list[Logged[Event]], ends: set[int]
) -> dict[str, object]:
    """Fold in batches; between them the rows go through JSON, as they do through the database."""
    rows = Rows(projector.tables, complete=True)
    for start, end in pairwise(sorted({0, *ends})):
        apply(relevant(projector, events[start:end]), Fold(rows, known))
        for shelf in rows.shelves.values():
            stored = msgspec.json.encode([row for row in shelf.rows.values() if row is not None])
            shelf.rows.clear()
            shelf.take_in((), stored)
    return {name: dict(shelf.rows) for name, shelf in rows.shelves.items()}


def logged(history: History) -> list[Logged[Event]]:
    return [
        Logged(
            line[0], line[1], line[2], line[9], decode_event(line[5], line[6], line[7]), line[10]
        )
        for line in history.lines
    ]


def remembered(history: History) -> Known:
    known = Known(KEKS)
    known.keys |= {key.kid: key for key in history.keys.values()}
    firsts = [each for each in logged(history) if each.version == 1]
    known.beginnings |= {each.stream_id: each.event for each in firsts}
    return known


def test_one_event_at_a_time_gives_the_same_tables(database: str, history: History) -> None:
    Script(history).play(range(60))
    head = history.write(database)
    with followed(database):
        wait_for(database, head)
    at_once = contents(database)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE read.checkpoints SET position = 0")
        for table in at_once:
            connection.execute(f"TRUNCATE read.{table}".encode())
    with followed(database) as runner:
        runner.batch_events = 1
        wait_for(database, head)
    assert at_once == contents(database)


def test_read_models_say_what_happened(database: str, history: History) -> None:
    script = Script(history)
    script.play(range(200))
    head = history.write(database)
    with followed(database):
        wait_for(database, head)
    with psycopg.connect(database) as connection:
        balances: dict[str, int] = dict(connection.execute(BALANCES).fetchall())
        assert {account: history.balances[account] for account in script.accounts} == balances
        for (wrong,) in connection.execute(IDENTITIES).fetchall():
            assert wrong == 0
    held = contents(database, BY_NAME["accounts"])["account_holds"]
    assert held, "the script leaves active holds behind"


BALANCES = "SELECT id::text, balance FROM read.accounts"
IDENTITIES = """
SELECT count(*) FROM read.accounts AS a
WHERE held <> (
    SELECT coalesce(sum(remaining_amount), 0) FROM read.holds
    WHERE account_id = a.id AND status = 'ACTIVE'
)
UNION ALL
SELECT count(*) FROM read.accounts AS a
WHERE balance <> (
    SELECT sum(CASE direction WHEN 'CREDIT' THEN amount ELSE -amount END)
    FROM read.transactions WHERE account_id = a.id
)
UNION ALL
SELECT count(*) FROM read.accounts AS a
WHERE balance <> (
    SELECT balance_after FROM read.transactions WHERE account_id = a.id
    ORDER BY position DESC LIMIT 1
)
UNION ALL
SELECT count(*) FROM (
    SELECT currency FROM read.trial_balance GROUP BY currency
    HAVING sum(debit_total) <> sum(credit_total)
) AS unbalanced
UNION ALL
SELECT count(*) FROM read.trial_balance AS t
WHERE kind = 'customers' AND credit_total - debit_total <> (
    SELECT sum(balance) FROM read.accounts WHERE currency = t.currency
)
UNION ALL
SELECT count(*) FROM read.payments
WHERE (status = 'COMPLETED') <> (posting_id IS NOT NULL)
"""
