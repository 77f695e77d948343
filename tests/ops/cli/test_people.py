"""`ledgerbank users`: who there is, and what becomes of them."""

import pytest

from ledger.identity import new_id
from ops.demo import ADMIN, ALICE, BOB, PEOPLE, SUPPORT
from tests.ops.cli.books import head, rows
from tests.ops.cli.shell import Shell


def dsn(shell: Shell) -> str:
    return shell.environment["DATABASE_URL"]


def test_users_are_listed_and_shown(demo: Shell) -> None:
    ran = demo("users", "list")
    assert ran.code == 0, ran
    assert ran.lines[0].split() == [
        "ID", "EMAIL", "FULL", "NAME", "ROLE", "STATUS", "VERIFIED", "INSERTED", "AT",
    ]  # fmt: skip
    assert len(ran.lines) == 1 + len(PEOPLE)
    by_email = demo("--json", "users", "show", "--email", ALICE.email.upper()).json
    assert (by_email["full_name"], by_email["id"]) == (ALICE.full_name, ALICE.user_id)
    assert demo("--json", "users", "show", "--id", ALICE.user_id.upper()).json == by_email
    assert f'"email": "{ALICE.email}"' in demo("users", "show", "--id", ALICE.user_id).out


@pytest.mark.parametrize(("flags", "found"), [
    (("--role", "USER"), {ALICE.email, BOB.email}),
    (("--email", BOB.email), {BOB.email}),
    (("--id", SUPPORT.user_id), {SUPPORT.email}),
    (("--role", "admin", "--status", "active"), {ADMIN.email}),
    (("--status", "DELETED"), set()),
    (("--email", "stranger@example.com"), set()),
])  # fmt: skip
def test_a_list_is_narrowed(demo: Shell, flags: tuple[str, ...], found: set[str]) -> None:
    assert {each["email"] for each in demo("--json", "users", "list", *flags).json} == found
    assert len(demo("--json", "users", "list", "--limit", "2").json) == 2


def test_whoever_is_suspended_comes_back(demo: Shell) -> None:
    ran = demo("users", "suspend", "--email", ALICE.email)
    assert (ran.code, ran.out) == (0, f"suspended {ALICE.email} ({ALICE.user_id})\n")
    [event] = demo("--json", "events", "list", "--type", "UserSuspended").json
    assert (event["stream_id"], event["actor"]["type"]) == (f"user-{ALICE.user_id}", "system")
    assert demo("--json", "users", "list", "--status", "SUSPENDED").json[0]["email"] == ALICE.email
    back = demo("--json", "users", "reactivate", "--id", ALICE.user_id)
    assert back.json == {"user_id": ALICE.user_id, "status": "ACTIVE"}
    before = head(dsn(demo))
    assert demo("users", "reactivate", "--id", ALICE.user_id).code == 0
    assert head(dsn(demo)) == before, "nothing new, nothing recorded"


def test_whoever_is_deleted_is_forgotten(demo: Shell) -> None:
    ran = demo("users", "delete", "--email", BOB.email)
    assert (ran.code, ran.out) == (0, f"deleted user {BOB.user_id}\n")
    [shell] = demo("--json", "users", "list", "--status", "DELETED").json
    assert (shell["id"], shell["email"], shell["full_name"]) == (BOB.user_id, None, None)
    shown = demo("--json", "users", "show", "--id", BOB.user_id).json
    assert shown["deleted"] is True
    told = demo("events", "list", "--stream", f"user-{BOB.user_id}")
    assert BOB.full_name not in told.out
    assert demo("users", "delete", "--id", BOB.user_id).err.startswith("error: user_not_found")
    gone = "SELECT FROM log.data_keys WHERE subject = %s"
    assert rows(dsn(demo), gone, BOB.user_id) == []


@pytest.mark.parametrize(("flags", "reason"), [
    (("suspend", "--email", ADMIN.email), "last_admin"),
    (("delete", "--email", ADMIN.email), "last_admin"),
    (("show", "--email", "stranger@example.com"), "user_not_found"),
    (("suspend", "--id", new_id()), "user_not_found"),
    (("show", "--id", "nonsense"), "invalid_uuid_format"),
    (("show", "--email", "nonsense"), "invalid_email_format"),
])  # fmt: skip
def test_what_cannot_be_is_refused(demo: Shell, flags: tuple[str, ...], reason: str) -> None:
    before = head(dsn(demo))
    ran = demo("users", *flags)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"error: {reason}: ")
    assert head(dsn(demo)) == before
