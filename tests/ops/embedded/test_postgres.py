"""A private PostgreSQL: safe to crash, to start twice, and to start as root from anywhere."""

import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

import ops
from ops.embedded import folders, programs
from ops.embedded.account import Account
from ops.embedded.children import State, state_of
from ops.embedded.postgres import Place, postgres
from ops.embedded.start import StartFailed

root_only = pytest.mark.skipif(
    os.geteuid() != 0, reason="root gives up privileges, others have none"
)

ROOT = Path(ops.__file__).parents[1]
ROOMS = ("ops", "api", "workers", "projections", "schema", "ledger")

LAUNCHER = """
import sys, time
from pathlib import Path
from ops.embedded.postgres import postgres
with postgres(Path(sys.argv[1]), durable=False) as place:
    print((place.data / "postmaster.pid").read_text().splitlines()[0], place.sockets, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder(server_dir: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    place = server_dir / f"own-{abs(hash(request.node.name))}"
    yield place
    state = (place / "postgres").resolve()
    if folders.SYSTEM_STATE in state.parents:
        subprocess.run(["rm", "-rf", state], check=True)


def write(place: Place, text: str) -> None:
    with psycopg.connect(place.url("ledgerbank")) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (line text)")
        connection.execute("INSERT INTO kept VALUES (%s)", (text,))


def lines(place: Place) -> list[str]:
    with psycopg.connect(place.url("ledgerbank")) as connection:
        return [line for (line,) in connection.execute("SELECT line FROM kept ORDER BY line")]


def until(condition: State, pid: int, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while state_of(pid, "postgres") is not condition:
        assert time.monotonic() < deadline, f"{pid} is {state_of(pid, 'postgres')}"
        time.sleep(0.02)


def until_stopped(pid: int, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while state_of(pid, "postgres") is State.RUNNING:
        assert time.monotonic() < deadline, f"{pid} still runs"
        time.sleep(0.02)


def postmaster(place: Place) -> int:
    return int((place.data / "postmaster.pid").read_text().split("\n", 1)[0])


def test_the_second_start_finds_the_data_again(folder: Path) -> None:
    with postgres(folder, durable=False) as place:
        write(place, "first")
    with postgres(folder, durable=False) as place:
        assert lines(place) == ["first"]
        assert place.data.stat().st_mode & 0o777 == 0o700
        assert place.sockets.stat().st_mode & 0o777 == 0o700


def test_a_killed_server_recovers_even_before_anyone_reaped_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.embedded.postgres.GIVE_WAY_SECONDS", 0.5)
    with postgres(folder) as place:
        write(place, "kept")
        pid = postmaster(place)
        os.kill(pid, signal.SIGKILL)
        until(State.ZOMBIE, pid)
        with postgres(folder) as again:
            assert lines(again) == ["kept"]


def test_a_server_ends_with_its_killed_launcher(folder: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(folder)], stdout=subprocess.PIPE, text=True
    ) as launcher:
        assert launcher.stdout
        pid = int(launcher.stdout.readline().split()[0])
        launcher.kill()
    with postgres(folder, durable=False) as place:
        assert postmaster(place) != pid
        assert state_of(pid, "postgres") is not State.RUNNING


def test_a_second_server_on_the_data_is_refused_and_the_first_lives(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.embedded.postgres.GIVE_WAY_SECONDS", 0.2)
    with postgres(folder, durable=False) as place:
        write(place, "mine")
        with pytest.raises(StartFailed, match="already runs"), postgres(folder, durable=False):
            pytest.fail("two servers on one data folder")
        assert lines(place) == ["mine"]


def test_the_lock_of_a_stranger_with_a_reused_pid_is_in_nobodys_way(folder: Path) -> None:
    with postgres(folder, durable=False) as place:
        write(place, "kept")
        lock = (place.data / "postmaster.pid").read_text()
    stale = "\n".join([str(os.getpid()), *lock.splitlines()[1:]])
    (place.data / "postmaster.pid").write_text(stale)
    with postgres(folder, durable=False) as again:
        assert lines(again) == ["kept"]


def test_data_of_another_major_version_is_refused(folder: Path) -> None:
    with postgres(folder, durable=False) as place:
        write(place, "kept")
    (place.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(StartFailed, match="made by PostgreSQL 12"), postgres(folder):
        pytest.fail("started on data of another version")


def test_a_failed_start_says_what_the_server_said(folder: Path) -> None:
    wrong = {"shared_buffers": "many"}
    with pytest.raises(StartFailed, match="shared_buffers"), postgres(folder, settings=wrong):
        pytest.fail("started with nonsense")


@root_only
def test_root_gives_up_privileges(postgres_server: Place) -> None:
    assert isinstance(postgres_server.account, Account)
    assert psutil.Process(postmaster(postgres_server)).uids().real == postgres_server.account.uid
    assert postgres_server.account.uid != 0


@root_only
def test_a_folder_closed_to_the_account_stays_closed(server_dir: Path) -> None:
    closed = server_dir / "closed"
    closed.mkdir(mode=0o700)
    with postgres(closed / "data", durable=False) as place:
        write(place, "kept")
        assert (closed / "data" / "postgres").is_symlink()
    with postgres(closed / "data", durable=False) as again:
        assert lines(again) == ["kept"]
    assert closed.stat().st_mode & 0o777 == 0o700
    subprocess.run(["rm", "-rf", (closed / "data" / "postgres").resolve()], check=True)


@root_only
def test_closed_programs_are_copied_and_run(
    server_dir: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = next(programs.postgres_candidates(None))
    hidden = server_dir / "hidden"
    hidden.mkdir(mode=0o700)
    for part in wheel.parts:
        (hidden / part).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-r", wheel.root / part, hidden / part], check=True)
    monkeypatch.setattr("ops.embedded.programs.wheel", lambda _package: hidden)
    with postgres(folder, durable=False) as place:
        assert hidden not in place.programs.parents
        write(place, "kept")
        assert lines(place) == ["kept"]
    assert hidden.stat().st_mode & 0o777 == 0o700


def within_reach(path: Path, account: Account, copies: Path) -> Path:
    """Return a folder that the account can read: this one, or a copy where it is closed."""
    if folders.reachable(path, account):
        return path
    copy = copies / path.name
    if subprocess.run(["cp", "-al", path, copy], check=False).returncode:
        subprocess.run(["rm", "-rf", copy], check=True)
        subprocess.run(["cp", "-a", path, copy], check=True)
    return copy


@root_only
def test_an_ordinary_user_starts_it_too(server_dir: Path) -> None:
    account = Account("nobody", 65534, 65534)
    own = Path(tempfile.mkdtemp(prefix="ledgerbank-user-"))
    os.chown(own, *account.ids)
    copies = server_dir / "within-reach"
    copies.mkdir(mode=0o755)
    base = within_reach(Path(sys.base_prefix), account, copies)
    python = base / Path(sys.executable).resolve().relative_to(Path(sys.base_prefix).resolve())
    packages = within_reach(Path(sysconfig.get_path("purelib")), account, copies)
    rooms = [within_reach(ROOT / name, account, copies) for name in ROOMS]
    with subprocess.Popen(
        [python, "-c", LAUNCHER, str(own / "data")],
        cwd=own,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{rooms[0].parent}:{packages}",
            "LD_LIBRARY_PATH": str(base / "lib"),
        },
        stdout=subprocess.PIPE,
        text=True,
        user=account.uid,
        group=account.gid,
        extra_groups=[],
    ) as launcher:
        assert launcher.stdout
        pid = int(launcher.stdout.readline().split()[0])
        assert psutil.Process(pid).uids().real == account.uid
        launcher.terminate()
    until_stopped(pid)
    subprocess.run(["rm", "-rf", own], check=True)


def test_programs_are_found_beyond_the_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = programs.postgres_programs(None).folder
    monkeypatch.setattr("ops.embedded.programs.wheel", lambda _package: None)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin")
    assert programs.postgres_programs(None).folder == folder.resolve()
    assert programs.postgres_programs(folder).folder == folder
    monkeypatch.setattr("ops.embedded.programs.SYSTEM_POSTGRES", folder / "none")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(StartFailed, match="DATABASE_URL"):
        programs.postgres_programs(None)


def test_a_link_planted_in_place_of_the_run_folder_is_refused(
    server_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.embedded.folders.short_parent", lambda _account: tmp_path)
    run = folders.run_folder(server_dir, None)
    run.rmdir()
    run.symlink_to(server_dir)
    with pytest.raises(StartFailed, match="somebody else"):
        folders.run_folder(server_dir, None)


def test_sockets_stay_below_the_length_that_unix_allows(
    server_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = server_dir / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    run = folders.run_folder(deep, None)
    assert len(str(run / folders.LONGEST_SOCKET_NAME)) <= folders.SOCKET_PATH_BYTES_MAX
    run.rmdir()
