"""The benches, run with tiny numbers: every piece works, and wrong answers are no figures."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psycopg
import pytest
from click.testing import CliRunner

from ledger.events.recorded import EVENT_TYPES
from ops.benches.__main__ import bench
from ops.benches.append import measure_append
from ops.benches.audit import audit
from ops.benches.deployment import Broken, Deployment
from ops.benches.draw import Draw
from ops.benches.figures import Figure, Goal
from ops.benches.freshness import measure_freshness
from ops.benches.http import measure_http
from ops.benches.machine import this_machine
from ops.benches.past import measure_past
from ops.benches.projections import measure_projections
from ops.benches.requests import Client, Unexpected, freshness
from ops.benches.scale import Scale
from ops.benches.serving import serving
from ops.benches.table import Report
from ops.benches.windows import Series, Window, interleaved
from ops.embedded.postgres import Place
from ops.generate import generate
from projections.catalogue import BY_NAME
from schema.append import chained, content_hash

TINY = Scale(
    rounds=1,
    append_seconds=0.05,
    http_seconds=0.1,
    callers=(1, 4),
    crowd=4,
    owners=2,
    accounts_each=2,
    log_events=400,
    log_rounds=1,
    large_account=1_300,
)


@pytest.fixture
def deployment(tmp_path: Path, postgres_server: Place, valkey: str) -> Iterator[Deployment]:
    """Give the servers of the tests, with no database of an earlier test in the way."""
    yield Deployment(tmp_path, postgres_server, valkey, env="test")
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as admin:
        for name in ("append", "http", "freshness", "reading", "past"):
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def quiet(_line: str) -> None:
    """Hear nothing."""


def window(done: int, seconds: float = 1.0, *latencies: float) -> Window:
    return Window(done, seconds, 0.5, list(latencies))


def test_a_series_adds_its_windows_up() -> None:
    series = Series((window(100, 1.0, 0.001, 0.003), window(300, 1.0, 0.002, 0.100)))
    assert series.rate == 200
    assert series.cpu_us == 2_500
    assert series.percentile_ms(0.5) == 3.0
    assert series.percentile_ms(0.99) == 100.0
    assert Series((window(1),)).percentile_ms(0.5) is None


def test_a_ratio_compares_what_was_measured_in_the_same_round() -> None:
    ours = Series((window(10), window(200), window(900)))
    floor = Series((window(10), window(100), window(100)))
    assert ours.ratio(floor) == 2.0


def test_rounds_take_everything_in_turn() -> None:
    seen: list[str] = []

    async def measure(name: str) -> Window:
        seen.append(name)
        return window(1)

    series = asyncio.run(
        interleaved(2, {name: lambda name=name: measure(name) for name in "ab"}, quiet)  # type: ignore[misc]
    )
    assert seen == ["a", "b", "a", "b"]
    assert len(series["a"].windows) == 2


def test_draws_repeat_themselves_and_never_pay_to_the_same_account() -> None:
    draw, again = Draw(7), Draw(7)
    pairs = [draw.two("abc") for _ in range(300)]
    assert pairs == [again.two("abc") for _ in range(300)]
    assert {one + other for one, other in pairs} == {"ab", "ac", "ba", "bc", "ca", "cb"}


def test_the_append_is_measured_beside_both_floors(deployment: Deployment) -> None:
    result = measure_append(deployment, TINY, quiet)
    assert [each.case for each in result.figures] == [
        "uniform, 1 callers",
        "uniform, 4 callers",
        "2 accounts, 4 callers",
        "uniform, 4 callers, answers kept",
        "floor: raw insert",
        "floor: stock save",
    ]
    assert all(each.rate > 0 and each.cpu_us and each.p99_ms for each in result.figures)
    assert set(result.figures[0].ratios) == {"raw insert", "stock save"}
    assert len(result.goals) == 3
    findings = audit(result.databases)
    assert findings.wrong == ()
    assert findings.events >= 2 * (2 + 2 * 3)


def test_the_generated_log_tells_everything_that_can_happen(deployment: Deployment) -> None:
    dsn = deployment.database("reading")
    position = asyncio.run(generate(deployment.settings(dsn), dsn, 3_000))
    with psycopg.connect(dsn) as connection:
        names = {name for (name,) in connection.execute("SELECT DISTINCT name FROM log.events")}
    assert position >= 3_000
    assert {
        "TransferBooked",
        "DailyUsageChanged",
        "HoldCaptured",
        "HoldReleased",
        "PaymentCancelled",
        "PaymentFailed",
        "SessionStarted",
    } <= {EVENT_TYPES[name].__name__ for name in names}
    assert audit([dsn]).wrong == ()


def test_every_read_model_is_measured(deployment: Deployment) -> None:
    result = measure_projections(deployment, TINY, quiet)
    cases = {each.case: each for each in result.figures}
    assert {f"rebuild, {name}" for name in BY_NAME} <= cases.keys()
    assert cases["live, all models"].ratios.keys() == {
        "read and decode the log",
        "one event per commit",
    }
    slowest = min(cases[f"rebuild, {name}"].rate for name in BY_NAME)
    assert 0 < cases["rebuild, all models in turn"].rate < slowest
    assert audit(result.databases).wrong == ()


def test_http_is_measured_from_outside(deployment: Deployment) -> None:
    result = measure_http(deployment, TINY, quiet)
    assert len(result.figures) == 6
    assert all(each.rate > 0 and each.p50_ms for each in result.figures)
    assert audit(result.databases).wrong == ()


def test_freshness_is_measured_with_and_without_news(deployment: Deployment) -> None:
    result = measure_freshness(deployment, TINY, quiet)
    assert [each.subject for each in result.figures] == ["freshness"] * 4
    assert all(each.p50_ms for each in result.figures)
    assert result.goals[0].most == 25.0


def test_the_past_of_a_large_account_is_measured(deployment: Deployment) -> None:
    result = measure_past(deployment, TINY, quiet)
    assert [each.case for each in result.figures] == [
        "balance at a random time, 1,300 entries",
        "statement of 1,000 lines in 1,300 entries",
        "page of 50 at a random depth of 1,300 entries",
    ]
    assert all(each.rate > 0 and each.p99_ms for each in result.figures)
    assert [goal.most for goal in result.goals] == [5.0, 5.0]
    assert audit(result.databases).wrong == ()


def test_an_answer_that_is_no_success_is_no_figure(deployment: Deployment) -> None:
    with serving(deployment, "http", 1, 2) as served:
        stranger = msgspec.structs.replace(
            served, clients=(Client("not a token", served.clients[0].accounts),)
        )
        with pytest.raises(Broken, match="transferring: 401"):
            stranger.load("transferring", 0.1, 1)


def test_a_stale_balance_is_no_figure() -> None:
    script = freshness(Client("token", ("source", "destination")))
    next(script)
    shown = b'{"data":{"balance":"10.00"}}'
    assert script.send(shown).request.startswith(b"POST /api/transfers")
    assert script.send(b"").series == "fresh"
    with pytest.raises(Unexpected, match="should be 999"):
        script.send(shown)


def test_a_changed_event_is_found(deployment: Deployment) -> None:
    dsn = deployment.database("reading")
    asyncio.run(generate(deployment.settings(dsn), dsn, 100))
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE log.events DISABLE TRIGGER events_append_only")
        connection.execute(TAMPER)
        (changed,) = connection.execute(FIRST_POSTING).fetchone() or (0,)
        assert audit([dsn]).wrong == (f"the chain is broken at position {changed}",)
        seal_again(connection)
        wrong = audit([dsn]).wrong
    assert wrong
    assert wrong[0].startswith(f"I-1 at position {changed} (")


def seal_again(connection: psycopg.Connection) -> None:
    """Hide the change as whoever owns the table could."""
    (chain,) = connection.execute("SELECT sha256('ledgerbank')").fetchone() or (b"",)
    rows = connection.execute("SELECT position, data FROM log.events ORDER BY position").fetchall()
    for position, data in rows:
        content = content_hash(position, data)
        chain = chained(chain, content)
        connection.execute(RESEAL, (content, chain, position))
    connection.execute("UPDATE log.head SET chain_hash = %s", (chain,))


def test_a_report_is_read_by_people_and_machines(deployment: Deployment) -> None:
    figure = Figure(
        subject="append", case="some", unit="transfers", rate=1234.5, p50_ms=1.25, ratios={"raw": 2}
    )
    goals = (Goal(what="much", found=2.0, least=3.0), Goal(what="little", found=2.0, most=3.0))
    report = Report(
        machine=this_machine(deployment), figures=(figure,), goals=goals, audited=7, wrong=()
    )
    lines = report.lines()
    assert "| append | some |      1,234 | transfers |    1.2 |" in lines[4]
    assert lines[6:] == [
        "MISSED   much: 2.0 (≥ 3.0)",
        "reached  little: 2.0 (≤ 3.0)",
        "",
        "7 events audited: chains whole, positions contiguous, books balance",
    ]
    told = json.loads(report.json())
    assert told["figures"][0]["rate"] == 1234.5
    assert [goal["met"] for goal in told["goals"]] == [False, True]
    broken = msgspec.structs.replace(report, wrong=("everything",))
    assert broken.lines()[-1] == "WRONG: everything"


def test_a_subject_that_nobody_knows_is_a_misuse() -> None:
    told = CliRunner().invoke(bench, ["--only", "append,nonsense"])
    assert told.exit_code == 2
    assert "nonsense is none of append, http, freshness, projections, past" in told.output


FIRST_POSTING = "SELECT min(position) FROM log.events WHERE name = 'PostingBooked'"
TAMPER = f"""
UPDATE log.events SET data = convert_to(
    regexp_replace(convert_from(data, 'UTF8'), '"amount":[0-9]+', '"amount":1'), 'UTF8'
) WHERE position = ({FIRST_POSTING})
"""
RESEAL = "UPDATE log.events SET content_hash = %s, chain_hash = %s WHERE position = %s"
