"""The supervisor, with real processes: restarted, stopped in order, never left over."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from ops.embedded import postgres, valkey
from ops.embedded.start import StartFailed
from ops.servers import postgres_child, valkey_child
from ops.supervisor import Child, Supervisor, program, supervised

BEAT = """
import os, signal, sys, time
path = sys.argv[1]
def leave(*_):
    with open(path + ".order", "a") as order:
        order.write(os.path.basename(path) + "\\n")
    sys.exit(0)
if len(sys.argv) > 2:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, leave)
print("up", os.path.basename(path), flush=True)
with open(path, "a") as beats:
    beats.write(f"{os.getpid()}\\n")
time.sleep(600)
"""


def beating(path: Path, *options: str) -> Child:
    command = [sys.executable, "-c", BEAT, str(path), *options]
    return Child(name=path.name, start=program(command), ready=path.exists, stop_seconds=1.0)


def pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def until(condition: Callable[[], object], supervisor: Supervisor | None = None) -> None:
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline
        if supervisor is not None:
            supervisor.keep_running()
        time.sleep(0.02)


def test_a_killed_child_is_started_again(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with supervised(io.StringIO()) as supervisor:
        supervisor.start(beating(one))
        supervisor.start(beating(two))
        os.kill(pids(one)[0], signal.SIGKILL)
        until(lambda: len(pids(one)) == 2, supervisor)
        assert len(pids(two)) == 1
        started = [*pids(one), *pids(two)]
    assert not any(psutil.pid_exists(pid) for pid in started)


def test_children_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    output = io.StringIO()
    with supervised(output) as supervisor:
        for name in ("one", "two", "three"):
            supervisor.start(beating(tmp_path / name))
    order = "".join((tmp_path / f"{name}.order").read_text() for name in ("three", "two", "one"))
    assert order == "three\ntwo\none\n"
    times = [(tmp_path / f"{n}.order").stat().st_mtime_ns for n in ("three", "two", "one")]
    assert times == sorted(times)
    assert "one          | up one\n" in output.getvalue()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait(tmp_path: Path, number: signal.Signals) -> None:
    with supervised(io.StringIO()) as supervisor:
        supervisor.start(beating(tmp_path / "one"))
        threading.Timer(0.2, os.kill, (os.getpid(), number)).start()
        supervisor.wait()
    assert (tmp_path / "one.order").exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_child_that_will_not_end_is_killed(tmp_path: Path) -> None:
    began = time.monotonic()
    with supervised(io.StringIO()) as supervisor:
        supervisor.start(beating(tmp_path / "deaf", "deaf"))
        pid = pids(tmp_path / "deaf")[0]
        began = time.monotonic()
    assert not psutil.pid_exists(pid)
    assert 0.9 < time.monotonic() - began < 5


def test_a_second_signal_ends_the_patience(tmp_path: Path) -> None:
    with supervised(io.StringIO()) as supervisor:
        deaf = beating(tmp_path / "deaf", "deaf")
        supervisor.start(Child(name="deaf", start=deaf.start, ready=deaf.ready, stop_seconds=60.0))
        supervisor.ask()
        supervisor.ask()
        began = time.monotonic()
    assert time.monotonic() - began < 5


def test_a_child_that_ends_at_once_stops_the_start() -> None:
    ends = program([sys.executable, "-c", "import sys; sys.exit(3)"])
    never = Child(name="hasty", start=ends, ready=lambda: False)
    with pytest.raises(StartFailed, match="hasty ended"), supervised(io.StringIO()) as supervisor:
        supervisor.start(never)


def test_a_child_that_is_never_ready_stops_the_start(tmp_path: Path) -> None:
    beat = beating(tmp_path / "slow")
    slow = Child(name="slow", start=beat.start, ready=lambda: False, ready_seconds=0.3)
    with pytest.raises(StartFailed, match="not ready"), supervised(io.StringIO()) as supervisor:
        supervisor.start(slow)


def test_a_child_that_keeps_ending_is_started_less_and_less_often(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    script = "import sys; open(sys.argv[1], 'a').write('1\\n')"
    child = Child(name="weak", start=program([sys.executable, "-c", script, str(starts)]))
    with supervised(io.StringIO()) as supervisor:
        supervisor.start(child)
        began = time.monotonic()
        until(lambda: len(pids(starts)) >= 4, supervisor)
    assert time.monotonic() - began > 0.2 + 0.5


def test_children_end_with_a_killed_supervisor(tmp_path: Path) -> None:
    script = """
import sys
from pathlib import Path
from tests.ops.test_supervisor import beating
from ops.supervisor import supervised
with supervised(sys.stdout) as supervisor:
    supervisor.start(beating(Path(sys.argv[1])))
    supervisor.wait()
"""
    beats = tmp_path / "one"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(beats)], stdout=subprocess.DEVNULL
    ) as process:
        until(lambda: pids(beats))
        process.kill()
    until((tmp_path / "one.order").exists)


def test_killed_servers_come_back_with_their_data(server_dir: Path) -> None:
    database = postgres.prepare(server_dir / "kept", None)
    broker = valkey.prepare(server_dir / "kept")
    with supervised(io.StringIO()) as supervisor:
        supervisor.start(postgres_child(database))
        supervisor.start(valkey_child(broker))
        postgres.create_database(database, "books")
        for running in supervisor.children:
            assert running.process is not None
            running.process.kill()
            running.process.wait()
        until(lambda: postgres.answers(database) and valkey.answers(broker), supervisor)
        with psycopg.connect(database.url("books")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with redis.Redis.from_url(broker.url) as connected:
            assert connected.ping()
    assert not database.sockets.exists()
