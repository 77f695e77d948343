"""Verbs that run until they are told to end: they do their work, and end in order on a signal."""

import asyncio
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeAlias

import httpx2
import psutil
import pytest
import uvloop

from projections.catalogue import BY_NAME
from tests.ops.cli.books import head, rows
from tests.ops.cli.shell import Shell, ended, until
from tests.ops.cli.town import Town

Process: TypeAlias = "subprocess.Popen[str]"
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def dsn(shell: Shell) -> str:
    return shell.environment["DATABASE_URL"]


def behind(dsn: str, *names: str) -> list[str]:
    """Return the read models that have not reached the head."""
    query = "SELECT projection FROM read.checkpoints WHERE position < %s ORDER BY 1"
    return [name for (name,) in rows(dsn, query, head(dsn)) if not names or name in names]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/api/health/ready", timeout=5).is_success
    except httpx2.HTTPError:
        return False


@contextmanager
def serving(shell: Shell, *flags: str, **changes: str) -> Iterator[tuple[str, Process]]:
    """Serve on a free port for the length of the block."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with shell.running("serve", "--port", str(port), *flags, **changes) as process:
        until(lambda: answers(url), process)
        yield url, process


@pytest.mark.parametrize("asked", SIGNALS)
def test_project_follows_the_log_until_told(shell: Shell, asked: signal.Signals) -> None:
    town = Town()
    town.history.write(dsn(shell))
    with shell.running("project") as process:
        until(lambda: not behind(dsn(shell)), process)
        town.history.bank("SECOND", "Second Bank")
        town.history.write(dsn(shell))
        until(lambda: not behind(dsn(shell)), process)
        ran = ended(process, asked)
    assert ran.code == 0, ran
    assert rows(dsn(shell), "SELECT DISTINCT holder FROM read.checkpoints") == [(None,)]
    assert shell("ledger", "check").code == 0


def test_project_follows_for_those_named(shell: Shell) -> None:
    Town().history.write(dsn(shell))
    with shell.running("project", "users", "banks") as process:
        until(lambda: not behind(dsn(shell), "users", "banks"), process)
        assert ended(process).code == 0
    assert set(behind(dsn(shell))) == set(BY_NAME) - {"users", "banks"}


@pytest.mark.parametrize("asked", SIGNALS)
def test_serve_answers_until_told(demo: Shell, asked: signal.Signals) -> None:
    with serving(demo) as (url, process):
        assert httpx2.get(f"{url}/api/health/live").json()["status"] == "alive"
        ran = ended(process, asked)
    assert ran.code == 0, ran
    assert "Traceback" not in ran.err
    assert not answers(url)
    assert rows(dsn(demo), SEALED) == [(head(dsn(demo)),)], "sealed at the stop"


def test_serve_ends_in_order_when_told_while_it_starts(demo: Shell) -> None:
    """A signal that comes before anybody listens is heard as well."""
    with demo.running("serve", "--port", str(free_port())) as process:
        until(lambda: rows(dsn(demo), OTHERS), process)
        ran = ended(process)
    assert ran.code == 0, ran
    assert "Traceback" not in ran.err.partition("Exception ignored")[0], "or heard in an import"


def test_serve_runs_on_the_fast_loop(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def look(*_: object, **__: object) -> None:
        await asyncio.sleep(0)
        loops.append(asyncio.get_running_loop())

    monkeypatch.setattr("ops.verbs.run.serve_until_told", look)
    assert shell("serve").code == 0
    assert [type(each) for each in loops] == [uvloop.Loop]


def test_several_servers_share_one_port_and_end_together(demo: Shell) -> None:
    with serving(demo, "--processes", "2") as (url, process):
        servers = psutil.Process(process.pid).children(recursive=True)
        until(lambda: sum(listens(each, url) for each in servers) == 2, process)
        assert ended(process).code == 0
    assert not answers(url)
    assert not any(each.is_running() for each in servers)


def listens(process: psutil.Process, url: str) -> bool:
    port = int(url.rpartition(":")[2])
    return any(
        each.status == psutil.CONN_LISTEN and each.laddr.port == port
        for each in process.net_connections()
    )


def test_a_taken_port_is_told(demo: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ran = demo.alone("serve", "--port", str(listener.getsockname()[1]))
    assert ran.code == 3
    assert "Traceback" not in ran.err
    assert "address already in use" in ran.err


def test_a_worker_without_a_broker_does_not_start(demo: Shell) -> None:
    ran = demo.alone("worker", REDIS_URL="unix:///nowhere/valkey.sock?db=0")
    assert ran.code == 4
    assert "the broker cannot be reached" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("asked", SIGNALS)
def test_a_worker_ends_when_told(demo: Shell, valkey: str, asked: signal.Signals) -> None:
    held = "SELECT 1 FROM work.relay WHERE holder <> '' AND lease_until > now()"
    with demo.running("worker", "--queues", "payments, default", REDIS_URL=valkey) as process:
        until(lambda: rows(dsn(demo), held), process)
        ran = ended(process, asked)
    assert ran.code == 0, ran
    assert "Traceback" not in ran.err
    assert rows(dsn(demo), SEALED) == [(head(dsn(demo)),)], "sealed at the stop"


def test_a_scheduler_leads_until_told(shell: Shell) -> None:
    leads = "SELECT 1 FROM work.scheduler WHERE holder <> '' AND lease_until > now()"
    asked = "SELECT actor FROM work.jobs ORDER BY actor"
    with shell.running("scheduler") as process:
        until(lambda: rows(dsn(shell), asked), process)
        assert rows(dsn(shell), leads)
        ran = ended(process)
    assert ran.code == 0, ran
    assert "Traceback" not in ran.err
    assert not rows(dsn(shell), leads)
    assert {("expire_holds",), ("start_due_payments",)} <= set(rows(dsn(shell), asked))


def test_the_tour_finds_everything_as_it_should_be(demo: Shell, valkey: str) -> None:
    demo.environment |= {"REDIS_URL": valkey, "ENABLE_RATE_LIMITING": "on"}
    with ExitStack() as stack:
        stack.enter_context(demo.running("project"))
        stack.enter_context(demo.running("worker"))
        url, _ = stack.enter_context(serving(demo))
        ran = demo.alone("tour", "--url", url)
        assert (ran.code, ran.err) == (0, ""), ran
        assert " checks: everything is as it should be\n" in ran.out
        assert ran.lines[-1].split()[2] == "LoginSucceeded"
        for secret in ("a long enough pass phrase", "admin123!", "auditor123!"):
            assert secret not in ran.out
        told = demo.alone("--json", "tour", "--url", url).json
        assert told["wrong"] == []
        assert told["steps"] > 40
    assert demo("ledger", "check").code == 0


def test_a_tour_without_the_demo_fails(shell: Shell) -> None:
    with serving(shell) as (url, _):
        ran = shell.alone("tour", "--url", url)
        assert ran.code == 1
        assert ran.lines[-1].endswith(" checks: something is wrong")
        assert "WRONG    POST /api/auth/login answers 200: {'found': 401}" in ran.out
        [wrong] = shell.alone("--json", "tour", "--url", url).json["wrong"]
        assert wrong["found"] == 401


def test_a_tour_to_nowhere_says_so(bare: Shell) -> None:
    ran = bare.alone("tour", "--url", f"http://127.0.0.1:{free_port()}")
    assert ran.code == 4
    assert ran.err.startswith("error: the server cannot be reached: ")


SEALED = "SELECT max(tree_size) FROM log.checkpoints"
OTHERS = """
SELECT 1 FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'ledgerbank'
"""
