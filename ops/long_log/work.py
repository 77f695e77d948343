"""What is measured on a long log: each piece of work as its verb or route does it."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from threading import Thread

import uvloop

from ops.audits.reading import Terms, audited
from ops.benches.checkpoints import wait_until_read
from ops.benches.deployment import Broken
from ops.composition import rules_of
from ops.eventlog import EventLog, Filter
from ops.generate import generate
from ops.output import Bar
from ops.proving.database import Wanted, verified
from ops.readmodels import keks_of
from ops.sealing import seal_now, signer
from ops.settings import Settings
from ops.what_if.replaying import replayed
from ops.what_if.rules import Limits, Rules
from projections.catalogue import BY_NAME
from projections.log import head_position
from projections.rebuild import rebuild, verify
from projections.runner import Runner
from schema.postgres import connect

ASKED_TIMES = 9
PAGE = 100
Work = Callable[[Settings, str, int], tuple[int, float | None]]
"""Returns how many events it was about (1: a question), and its seconds if they are special."""


def generating(settings: Settings, dsn: str, events: int) -> tuple[int, None]:
    """Fill the log, as far as it is not that long already."""
    before = head_of(dsn)
    if before >= events:
        return 0, None
    return uvloop.run(generate(settings, dsn, events - before)) - before, None


def head_of(dsn: str) -> int:
    """Return the last position of the log."""
    with connect(dsn, "ledgerbank_app") as connection:
        return head_position(connection)


def following(names: Sequence[str], settings: Settings, dsn: str, _: int) -> tuple[int, None]:
    """Bring read models to the head, as the process does that follows the log."""
    projectors = [BY_NAME[name] for name in names]
    runner = Runner(dsn, projectors, keks_of(settings), holder="bench")
    thread = Thread(target=runner.run)
    with connect(dsn, statement_timeout_ms=0) as connection:
        row = connection.execute(READ, (list(names),)).fetchone()
        assert row is not None, "an aggregate has one row"
        thread.start()
        try:
            wait_until_read(connection, names)
            return head_position(connection) - int(row[0]), None
        finally:
            runner.stop()
            thread.join()


def rebuilding(name: str, settings: Settings, dsn: str, _: int) -> tuple[int, None]:
    """Make a read model again: fold, index, compare with the live rows, swap."""
    return rebuild(dsn, BY_NAME[name], keks_of(settings)).position, None


def checking(settings: Settings, dsn: str, _: int) -> tuple[int, None]:
    """Compare live accounts with the log."""
    return verify(dsn, BY_NAME["accounts"], keks_of(settings)).position, None


def sealing(settings: Settings, dsn: str, _: int) -> tuple[int, None]:
    """Hash every leaf into the tree and sign its heads."""
    with connect(dsn, "ledgerbank_app") as connection:
        row = connection.execute(SEALED).fetchone()
    assert row is not None, "an aggregate has one row"
    heads = seal_now(settings, dsn)
    return heads[-1].tree_size - int(row[0]) if heads else 0, None


def proving(settings: Settings, dsn: str, _: int) -> tuple[int, None]:
    """Recompute leaves, chain, roots and signatures."""
    own = signer(settings)
    wanted = Wanted(first=1, until=None, trusted={own.key_id: own.public_key}, anchors=[])
    report = verified(dsn, wanted, Bar(None, None))
    if report.broken:
        raise Broken("the log does not verify")
    return report.looked, None


def auditing(settings: Settings, dsn: str, _: int) -> tuple[int, None]:
    """Recompute the invariants of the books."""
    head = head_of(dsn)
    terms = Terms(rules_of(settings), keks_of(settings))
    found = audited(dsn, terms, head, Bar(None, None))
    if found.found:
        raise Broken(found.found[0].line())
    return found.position, None


def supposing(settings: Settings, dsn: str, _: int) -> tuple[int, None]:
    """Judge the whole history by another limit."""
    head = head_of(dsn)
    rules = Rules(limits=Limits(single="0.01", daily="0.02"))
    return replayed(dsn, rules, keks_of(settings), head, Bar(None, None).at).position, None


def asking(what: str, settings: Settings, dsn: str, _: int) -> tuple[int, float]:
    """Ask for a page of events some times over; the median counts."""
    with connect(dsn, "ledgerbank_app", statement_timeout_ms=0) as connection:
        log = EventLog(connection, keks_of(settings))
        head = log.head()
        [middle] = log.select(Filter(first=head // 2), 1)
        wanted = {
            "tail": Filter(first=head - PAGE + 1),
            "middle": Filter(first=middle.position),
            "type": Filter(type="PaymentCompleted", first=head // 2),
            "stream": Filter(stream=middle.stream_id),
            "correlation": Filter(correlation=middle.correlation_id),
            "actor": Filter(actor=middle.actor["id"] or "nobody", first=head // 2),
            "time": Filter(since=middle.recorded_at),
            "text": Filter(text="a word that nobody wrote"),
        }[what]
        times = []
        for _turn in range(1 if what == "text" else ASKED_TIMES):
            began = time.perf_counter()
            log.select(wanted, PAGE)
            times.append(time.perf_counter() - began)
    return 1, median(times)


def works(names: Sequence[str]) -> dict[str, Work]:
    """Return every line of the table in the order in which it is measured, with these models."""
    many = f"all {len(names)} read models" if len(names) > 1 else names[0]
    return {
        **LOG,
        f"follow the log, {many}": partial(following, names),
        **{f"rebuild {name}, fold to swap": partial(rebuilding, name) for name in names},
        **({"`projections verify accounts`": checking} if "accounts" in names else {}),
        **QUESTIONS,
    }


LOG: dict[str, Work] = {
    "generate by real decisions": generating,
    "seal: hash, tree, sign": sealing,
    "`audit verify`: leaves, chain, roots, signatures": proving,
    "`ledger check`: every invariant": auditing,
    "`replay --what-if`: other limits": supposing,
}
QUESTIONS: dict[str, Work] = {
    "100 newest events": partial(asking, "tail"),
    "100 events from the middle": partial(asking, "middle"),
    "search by type": partial(asking, "type"),
    "search by stream": partial(asking, "stream"),
    "search by correlation id": partial(asking, "correlation"),
    "search by actor": partial(asking, "actor"),
    "search by time": partial(asking, "time"),
    "search for a text nobody wrote (reads everything)": partial(asking, "text"),
}
SEALED = b"SELECT coalesce(max(tree_size), 0) FROM log.checkpoints"
READ = b"SELECT min(position) FROM read.checkpoints WHERE projection = ANY(%s)"
