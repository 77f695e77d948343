"""`ledgerbank state`: one stream at any version or time, what changed, what made up a balance."""

import msgspec
import pytest

from ops.demo import ACCOUNTS, ALICE
from tests.ops.cli.books import change, head
from tests.ops.cli.shell import Shell
from tests.projections.test_two_clocks import Calendar

CHECKING = ACCOUNTS[0]
STREAM = f"account-{CHECKING.account_id}"
MARCH, APRIL = "2025-03-31T12:00:00Z", "2025-04-05T12:00:00Z"


def dsn(shell: Shell) -> str:
    return shell.environment["DATABASE_URL"]


def test_a_state_is_shown_with_its_personal_text(demo: Shell) -> None:
    shown = demo("--json", "state", STREAM).json
    assert shown["stream_id"] == STREAM
    assert shown["state"]["account_name"] == "Alice Checking"
    assert shown["state"]["balance"] == 150_000
    assert shown["state"]["condition"] == {"type": "ACTIVE"}
    assert msgspec.json.decode(demo("state", STREAM).out) == shown


def test_every_version_and_every_time_can_be_shown(demo: Shell) -> None:
    events = demo("--json", "events", "list", "--stream", STREAM, "--limit", "1000").json
    for event in events:
        version = str(event["stream_version"])
        shown = demo("--json", "state", STREAM, "--version", version).json
        assert (shown["version"], shown["updated_at"]) == (int(version), event["recorded_at"])
        if "balance_after" in event["data"]:
            assert shown["state"]["balance"] == event["data"]["balance_after"]
        at = demo("state", STREAM, "--at", str(event["position"]), "--json").json
        assert at == shown, "a position says it too"
    assert demo("state", STREAM, "--at", str(head(dsn(demo)) + 1)).code == 1
    last = events[-1]["recorded_at"]
    newest = demo("--json", "state", STREAM).json
    assert demo("--json", "state", STREAM, "--at", last).json == newest
    assert demo("state", STREAM, "--at", "1999-01-01T00:00:00Z").code == 1


def test_two_versions_are_compared(demo: Shell) -> None:
    changes = demo("--json", "state", STREAM, "--diff", "1", "3").json
    found = {each["field"]: (each["before"], each["after"]) for each in changes}
    assert found["version"] == (1, 3)
    assert found["balance"] == (0, CHECKING.mirrored.opening)
    assert demo("--json", "state", STREAM, "--diff", "2", "2").json == []
    heads = demo("state", STREAM, "--diff", "1", "3").lines[0].split()
    assert heads == ["FIELD", "BEFORE", "AFTER"]
    updated = demo("--json", "state", STREAM, "--version", "2").json["updated_at"]
    assert demo("--json", "state", STREAM, "--diff", "1", updated).json


def test_a_balance_is_explained(demo: Shell) -> None:
    lines = demo("--json", "state", STREAM, "--explain").json
    assert lines[0]["balance_after"] == "1500.00"
    assert lines[-1]["delta"] == lines[-1]["balance_after"] == "1445.50"
    assert demo("--json", "state", STREAM, "--explain", "--limit", "2").json == lines[:2]
    earlier = demo("--json", "state", STREAM, "--explain", "--at", lines[1]["recorded_at"]).json
    assert earlier[0] in lines[:2]
    heads, first, *_ = demo("state", STREAM, "--explain").lines
    assert heads.startswith("POSITION")
    assert "1500.00" in first


def test_what_is_not_there_or_makes_no_sense_is_refused(demo: Shell) -> None:
    for stream in ("account-00000000-0000-7000-8000-000000000000", "nothing", "bank"):
        ran = demo("state", stream)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith("error: stream_not_found: ")
    beyond = str(head(dsn(demo)) + 1)
    assert demo("state", STREAM, "--version", beyond).code == 1
    for flags in (
        ("--at", "yesterday"),
        ("--version", "1", "--at", MARCH),
        ("--diff", "1", "2", "--known-at", MARCH),
        ("--explain", "--version", "1"),
        ("--diff", "1", "never"),
        ("--at", "3", "--known-at", MARCH),
    ):
        assert demo("state", STREAM, *flags).code == 2, flags
    assert demo("state", f"user-{ALICE.user_id}", "--explain").code == 2


def test_what_was_erased_stays_erased(demo: Shell) -> None:
    change(dsn(demo), "DELETE FROM log.data_keys WHERE subject = %s", ALICE.user_id)
    assert demo("--json", "state", STREAM).json["state"]["account_name"] == "[erased]"


@pytest.mark.parametrize(
    ("flags", "balance"),
    [
        (("--at", MARCH), 10_000),
        (("--at", MARCH, "--known-at", APRIL), 10_061),
        (("--at", APRIL, "--known-at", MARCH), 10_000),
        (("--known-at", MARCH), 10_000),
        ((), 10_561),
    ],
)
def test_two_clocks(shell: Shell, flags: tuple[str, ...], balance: int) -> None:
    history = Calendar()
    account = history.account(history.user(), 10_000)
    history.day = "2025-04-01T00:00:00.000000Z"
    history.entry(account, 500)
    history.entry(account, 70, effective_at="2025-03-30T00:00:00.000000Z")
    history.entry(account, -9, effective_at="2025-03-31T12:00:00.000000Z")
    posting = history.lines[-2][1]
    history.write(dsn(shell))
    found = shell("--json", "state", f"account-{account}", *flags).json["state"]["balance"]
    assert found == balance
    known = shell("state", posting, "--at", MARCH, "--known-at", APRIL)
    unknown = shell("state", posting, "--at", MARCH, "--known-at", MARCH)
    assert (known.code, unknown.code) == (0, 1)
