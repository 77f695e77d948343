"""The command line as a whole: help that is true, and exit codes that mean something."""

import re
from collections.abc import Callable
from typing import TypeAlias

import click
import psycopg
import pytest
import redis
from psycopg_pool import PoolTimeout

from ledger.append.ports import Unavailable
from ledger.errors import Reason, Refused
from ops import databases
from ops.cli import VERBS, cli
from ops.embedded.start import StartFailed
from ops.failures import CheckFailed, exit_code_of
from tests.ops.cli.said import SAID
from tests.ops.cli.shell import NOWHERE, Shell

Commands: TypeAlias = dict[str, click.Command]


def commands(
    group: click.Group, context: click.Context, path: str = ""
) -> dict[str, click.Command]:
    """Return every verb that does something, by its words."""
    found: dict[str, click.Command] = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        words = f"{path} {name}".strip()
        if isinstance(command, click.Group):
            found |= commands(command, context, words)
        else:
            found[words] = command
    return found


EVERY = commands(cli, click.Context(cli))


def test_every_verb_is_spoken_of_here() -> None:
    assert set(SAID) == set(EVERY)


@pytest.mark.parametrize("verb", EVERY)
def test_help_says_what_a_verb_does(bare: Shell, verb: str) -> None:
    ran = bare(*verb.split(), "--help")
    assert (ran.code, ran.err) == (0, "")
    said = re.sub(r"\s+", " ", ran.out)
    assert said.startswith(f"Usage: ledgerbank {verb} ")
    for words in SAID[verb]:
        assert words in said
    assert bare(*verb.split(), "-h").out == ran.out


@pytest.mark.parametrize("verb", EVERY)
def test_every_flag_is_explained(verb: str) -> None:
    for parameter in EVERY[verb].params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert parameter.help, parameter.opts


def test_help_lists_every_verb_and_the_flags_of_all(bare: Shell) -> None:
    ran = bare("--help")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.partition("Commands:\n")[2].splitlines()] == [
        *VERBS
    ]
    for flag in ("--json", "--env-file", "--quiet"):
        assert flag in ran.out


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("--loud", "version"),
        ("version", "now"),
        ("events",),
        ("events", "erase"),
        ("events", "show"),
        ("events", "show", "first"),
        ("events", "list", "--limit", "0"),
        ("events", "tail", "--limit", "none"),
        ("projections", "rebuild"),
        ("project", "everything"),
        ("serve", "--port", "http"),
        ("serve", "--processes", "0"),
        ("worker", "--processes", "0"),
        ("ledger", "trial-balance", "--currency", "gold"),
        ("ledger", "export", "--format", "csv"),
        ("ledger", "export", "--out", "ledger.csv"),
        ("ledger", "check", "--at", "noon"),
        ("users", "create-admin"),
        ("users", "show"),
        ("users", "delete", "--id", "x", "--email", "y"),
        ("users", "list", "--role", "root"),
    ],
    ids=" ".join,
)
def test_misuse_is_2_and_says_how_to_use_it(bare: Shell, arguments: tuple[str, ...]) -> None:
    ran = bare(*arguments, DATABASE_URL=NOWHERE)
    assert (ran.code, ran.out) == (2, "")
    assert "Usage: ledgerbank" in ran.err


@pytest.mark.parametrize(
    "verb",
    [
        "serve",
        "project",
        "worker",
        "migrate",
        "migrate --check",
        "seed-demo",
        "config check",
        "config show",
        "events list",
        "events show 1",
        "events tail",
        "projections list",
        "projections rebuild users",
        "ledger check",
        "ledger trial-balance",
        "ledger export --format csv --out ledger.csv",
        "users list",
        "users suspend --email a@example.com",
        "openapi",
        "up",
    ],
)
def test_a_bad_setting_is_3(bare: Shell, verb: str) -> None:
    ran = bare(*verb.split(), DATABASE_URL=NOWHERE, POOL_SIZE="0")
    assert (ran.code, ran.out) == (3, "")
    assert ran.err.startswith("error: POOL_SIZE ")
    assert "hush-hush" not in ran.err


@pytest.mark.parametrize(
    "verb",
    [
        "serve",
        "project",
        "worker",
        "migrate",
        "migrate --check",
        "seed-demo",
        "events list",
        "events show 1",
        "events tail",
        "projections list",
        "projections rebuild users",
        "ledger check",
        "ledger trial-balance",
        "ledger export --format csv --out ledger.csv",
        "users list",
        "users delete --email a@example.com",
    ],
)
def test_an_unreachable_database_is_4(
    bare: Shell, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(databases, "WAIT_SECONDS", 0)
    ran = bare(*verb.split(), DATABASE_URL=NOWHERE, REDIS_URL="redis://127.0.0.1:1")
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith("error: the database cannot be reached: ")
    assert ran.err.count("\n") == 1
    assert "hush-hush" not in ran.err


def test_a_database_that_is_just_starting_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "WAIT_SECONDS", 0.3)
    monkeypatch.setattr(databases, "POLL_SECONDS", 0.1)
    tried: list[str] = []

    def connect(dsn: str, **_: object) -> None:
        tried.append(dsn)
        raise psycopg.OperationalError("still starting")

    monkeypatch.setattr(psycopg, "connect", connect)
    with pytest.raises(psycopg.OperationalError):
        databases.wait_for(NOWHERE)
    assert len(tried) > 2


def test_a_worker_needs_a_broker(shell: Shell) -> None:
    ran = shell("worker")
    assert ran.code == 3
    assert ran.err.startswith("error: REDIS_URL is not set")


@pytest.mark.parametrize("verb", ["serve", "project", "seed-demo"])
def test_a_database_that_forgets_is_for_tests_only(shell: Shell, verb: str) -> None:
    ran = shell(verb, LEDGERBANK_ENV="dev")
    assert ran.code == 3
    assert "fsync, full_page_writes, synchronous_commit off" in ran.err


def test_the_shortcut_of_the_library_is_refused(shell: Shell) -> None:
    ran = shell("serve", POSTGRES_ENABLE_DB_FUNCTIONS="Yes")
    assert ran.code == 3
    assert ran.err.startswith("error: POSTGRES_ENABLE_DB_FUNCTIONS must be off")


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (CheckFailed(), 1),
        (Refused(Reason.EVENT_NOT_FOUND, position=1), 1),
        (StartFailed("already running"), 3),
        (Refused(Reason.SERVICE_UNAVAILABLE), 4),
        (Unavailable(), 4),
        (PoolTimeout(), 4),
        (redis.ConnectionError("refused"), 4),
    ],
    ids=lambda value: type(value).__name__,
)
def test_failures_have_codes(
    capsys: pytest.CaptureFixture[str], failure: Exception, code: int
) -> None:
    assert exit_code_of(failure) == code
    assert (capsys.readouterr().err == "") == isinstance(failure, CheckFailed)


def test_a_bug_is_not_dressed_up(bare: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("ops.verbs.facts.masked", broken)
    run: Callable[..., object] = bare
    with pytest.raises(ZeroDivisionError):
        run("config", "show")
