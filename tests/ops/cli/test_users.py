"""`ledgerbank users create-admin`: the first administrator can sign in; nobody comes in twice."""

import asyncio
import io

import pytest

from api.passwords import Cost, Passwords
from ops import databases
from ops.demo import ADMIN
from schema.postgres import open_pool
from schema.principals import CredentialRow, credential_of, email_claim
from tests.ops.cli.books import head, rows
from tests.ops.cli.shell import NOWHERE, Ran, Shell

PASSWORD = "a pass phrase that is long enough"
NAMED = ("--email", " Root@Example.com ", "--full-name", "Root Example")
INDEX_KEY = b"i" * 32


class Desk:
    """Creates administrators whose password comes on standard input."""

    def __init__(self, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shell, self.monkeypatch = shell, monkeypatch

    def __call__(self, *flags: str, password: str = PASSWORD, **changes: str) -> Ran:
        self.monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\nsecond line\n"))
        return self.shell("users", "create-admin", "--password-stdin", *flags, **changes)


@pytest.fixture
def desk(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(shell, monkeypatch)


def dsn(shell: Shell) -> str:
    return shell.environment["DATABASE_URL"]


def credential(shell: Shell, email: str) -> CredentialRow | None:
    async def read() -> CredentialRow | None:
        pool = await open_pool(dsn(shell), 1, "ledgerbank_app")
        async with pool.connection() as connection:
            found = await credential_of(connection, email_claim(INDEX_KEY, email))
        await pool.close()
        return found

    return asyncio.run(read())


def matches(password: str, stored: str) -> bool:
    passwords = Passwords(Cost(memory_kib=8, time_cost=1), threads=1)
    try:
        return asyncio.run(passwords.matches(password, stored))
    finally:
        passwords.close()


def test_an_administrator_can_sign_in(desk: Desk, shell: Shell) -> None:
    ran = desk(*NAMED)
    assert ran.code == 0, ran
    found = credential(shell, "root@example.com")
    assert found is not None
    assert (found.role, found.status) == ("admin", "ACTIVE")
    assert ran.out == f"created administrator root@example.com ({found.user_id})\n"
    assert matches(PASSWORD, found.password_hash)
    assert not matches("second line", found.password_hash)
    assert PASSWORD not in ran.out + ran.err


def test_creating_one_is_a_command_of_the_domain(desk: Desk, shell: Shell) -> None:
    ran = desk(*NAMED)
    user_id = ran.out.split("(")[1].rstrip(")\n")
    [event] = shell("--json", "events", "list", "--type", "UserRegistered").json
    assert event["stream_id"] == f"user-{user_id}"
    assert event["data"]["origin"] == "cli"
    assert event["data"]["full_name"] == "Root Example"
    assert event["actor"]["type"] == "system"


def test_the_id_is_told_to_programs(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD))
    ran = shell("--json", "users", "create-admin", "--password-stdin", *NAMED)
    found = credential(shell, "root@example.com")
    assert found is not None
    assert ran.json == {"user_id": found.user_id}


def test_further_administrators_may_follow(desk: Desk, shell: Shell) -> None:
    assert desk(*NAMED).code == 0
    assert desk("--email", "second@example.com", "--full-name", "Second").code == 0
    assert rows(dsn(shell), "SELECT role FROM log.principals") == [("admin",), ("admin",)]


@pytest.mark.parametrize("password", ["", "fourteen chars", "x" * 256])
def test_a_password_of_the_wrong_length_is_refused(desk: Desk, shell: Shell, password: str) -> None:
    ran = desk(*NAMED, password=password)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: invalid_password_format: ")
    assert "'min_length': 15" in ran.err
    assert head(dsn(shell)) == 0


def test_the_shortest_password_is_a_setting(desk: Desk) -> None:
    assert desk(*NAMED, password="x" * 19, ADMIN_PASSWORD_MIN_LENGTH="20").code == 1
    assert desk(*NAMED, password="x" * 20, ADMIN_PASSWORD_MIN_LENGTH="20").code == 0


def test_a_taken_address_is_refused(demo: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    before = head(dsn(demo))
    desk = Desk(demo, monkeypatch)
    ran = desk("--email", ADMIN.email.upper(), "--full-name", "Somebody Else")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: email_already_exists: ")
    [told] = demo("--json", "events", "list", "--from", str(before + 1)).json
    assert (told["type"], told["data"]["outcome"]) == ("AdminActionPerformed", "failure")
    assert told["data"]["details"]["reason"] == "email_already_exists"


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--email", "nobody", "--full-name", "Root"), "invalid_email_format"),
        (("--email", "root@example.com", "--full-name", "  "), "invalid_name_format"),
        (("--email", "root@example.com", "--full-name", "R\aoot"), "invalid_name_format"),
    ],
)
def test_a_malformed_person_is_refused(
    desk: Desk, shell: Shell, flags: tuple[str, ...], reason: str
) -> None:
    ran = desk(*flags)
    assert ran.code == 1
    assert ran.err.startswith(f"error: {reason}: ")
    assert head(dsn(shell)) == 0


def test_without_a_database_nobody_is_created(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "WAIT_SECONDS", 0)
    assert desk(*NAMED, DATABASE_URL=NOWHERE).code == 4
    assert desk(*NAMED, DATABASE_URL=NOWHERE, POOL_SIZE="0").code == 3


def test_who_it_is_must_be_said(desk: Desk) -> None:
    assert desk("--email", "root@example.com").code == 2
    assert desk("--full-name", "Root").code == 2


def test_without_a_terminal_the_password_must_come_by_pipe(shell: Shell) -> None:
    ran = shell.alone("users", "create-admin", *NAMED)
    assert ran.code == 130
    assert "Traceback" not in ran.err
    assert head(dsn(shell)) == 0
