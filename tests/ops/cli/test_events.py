"""`ledgerbank events`: the log as people and programs read it."""

import signal
from hashlib import sha256

import msgspec

from ops.demo import ALICE
from tests.ops.cli.books import change, head, rows
from tests.ops.cli.faults import booked
from tests.ops.cli.shell import Shell, ended, until
from tests.ops.cli.town import Town

FIELDS = [
    "position",
    "id",
    "stream_id",
    "stream_version",
    "type",
    "schema_version",
    "data",
    "actor",
    "correlation_id",
    "causation_id",
    "recorded_at",
    "leaf_hash",
]


def dsn(shell: Shell) -> str:
    return shell.environment["DATABASE_URL"]


def test_events_are_listed_oldest_first(demo: Shell) -> None:
    ran = demo("events", "list", "--limit", "3")
    assert ran.code == 0
    heads, *lines = [line.split() for line in ran.lines]
    assert heads == ["POSITION", "RECORDED", "AT", "TYPE", "STREAM", "ID", "STREAM", "VERSION"]
    assert [line[0] for line in lines] == ["1", "2", "3"]
    assert lines[0][2:] == ["UserRegistered", f"user-{ALICE.user_id}", "1"]


def test_events_have_the_documented_fields(demo: Shell) -> None:
    every = demo("--json", "events", "list", "--limit", "1000").json
    assert [each["position"] for each in every] == list(range(1, head(dsn(demo)) + 1))
    assert all(list(each) == FIELDS for each in every)
    assert every[0]["data"]["email"] == "alice@example.com"
    assert every[0]["actor"] == {"type": "system", "id": None, "role": None} | every[0]["actor"]


def test_without_a_limit_a_hundred_are_listed(shell: Shell) -> None:
    town = Town()
    while town.history.position < 110:
        booked(town)
    town.history.write(dsn(shell))
    assert len(shell("--json", "events", "list").json) == 100
    found = shell("--json", "events", "list", "--limit", "1000").json
    assert len(found) == town.history.position


def test_more_than_a_page_is_listed(shell: Shell) -> None:
    town = Town()
    while town.history.position < 1_010:
        booked(town)
    town.history.write(dsn(shell))
    found = shell("--json", "events", "list", "--limit", "1005").json
    assert [each["position"] for each in found] == list(range(1, 1_006))


def test_events_are_chosen_by_stream_type_and_position(demo: Shell) -> None:
    every = demo("--json", "events", "list", "--limit", "1000").json
    stream = f"user-{ALICE.user_id}"
    chosen = {
        ("--stream", stream): [each for each in every if each["stream_id"] == stream],
        ("--type", "PaymentCompleted"): [x for x in every if x["type"] == "PaymentCompleted"],
        ("--from", "4", "--to", "6"): every[3:6],
        ("--type", "PaymentCompleted", "--limit", "2"): [
            each for each in every if each["type"] == "PaymentCompleted"
        ][:2],
        ("--stream", "account-nobody"): [],
    }
    for flags, expected in chosen.items():
        assert demo("--json", "events", "list", *flags).json == expected, flags


def test_one_event_is_shown(demo: Shell) -> None:
    shown = demo("--json", "events", "show", "1").json
    assert shown["type"] == "UserRegistered"
    assert shown["data"]["full_name"] == "Alice Example"
    assert msgspec.json.decode(demo("events", "show", "1").out) == shown


def test_raw_bytes_are_what_the_leaf_hash_covers(demo: Shell) -> None:
    for position in range(1, head(dsn(demo)) + 1):
        ran = demo("events", "show", str(position), "--raw")
        stored = ran.out.removesuffix("\n").encode()
        leaf = sha256(b"\0" + position.to_bytes(8, "big") + stored).hexdigest()
        assert leaf == demo("--json", "events", "show", str(position)).json["leaf_hash"]
    assert "alice@example.com" not in demo("events", "show", "1", "--raw").out


def test_no_secret_is_in_any_event(demo: Shell) -> None:
    every = demo("--json", "events", "list", "--limit", "1000").out
    for secret in ("argon2", "password", *demo.environment.values()):
        assert secret not in every or secret in {"test", "8", "warning"}


def test_an_event_that_is_not_there_is_refused(demo: Shell) -> None:
    ran = demo("events", "show", "999")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: event_not_found: ")
    assert f"'head': {head(dsn(demo))}" in ran.err
    assert demo("events", "show", "one").code == 2


def test_a_person_whose_key_is_gone_is_erased(demo: Shell) -> None:
    change(dsn(demo), "DELETE FROM log.data_keys WHERE subject = %s", ALICE.user_id)
    shown = demo("--json", "events", "show", "1").json
    assert shown["data"]["email"] == shown["data"]["full_name"] == "[erased]"
    assert demo("--json", "events", "list").code == 0


def test_the_keys_of_another_house_open_nothing(demo: Shell) -> None:
    ran = demo("events", "list", DATA_KEY_ENCRYPTION_KEYS=f"k1:{'A' * 42}E=")
    assert ran.code == 3
    assert ran.err == "error: DATA_KEY_ENCRYPTION_KEYS are not those of this database\n"
    ran = demo("events", "list", DATA_KEY_ENCRYPTION_KEYS=f"k2:{'A' * 43}=")
    assert ran.code == 3
    assert ran.err == "error: DATA_KEY_ENCRYPTION_KEYS are not those of this database\n"


def test_the_tail_of_the_past_ends_at_its_limit(demo: Shell) -> None:
    ran = demo("events", "tail", "--from", "2", "--limit", "3")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.lines] == ["2", "3", "4"]
    found = [msgspec.json.decode(line) for line in
             demo("--json", "events", "tail", "--from", "1", "--limit", "2").lines]  # fmt: skip
    assert found == demo("--json", "events", "list", "--limit", "2").json
    ran = demo("events", "tail", "--from", "1", "--type", "PaymentCompleted", "--limit", "2")
    assert [line.split()[2] for line in ran.lines] == ["PaymentCompleted"] * 2
    assert all(line.endswith("system") for line in ran.lines)


def test_the_tail_shows_what_happens_at_once_and_ends_when_told(shell: Shell) -> None:
    town = Town()
    before = town.history.write(dsn(shell))
    with shell.running("events", "tail", "--type", "PostingBooked") as process:
        until(lambda: connected(dsn(shell)), process)
        booked(town)
        town.history.write(dsn(shell))
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.split()[:1] == [str(before + 1)]
        assert "PostingBooked" in line
        ran = ended(process, signal.SIGINT)
    assert (ran.code, ran.out) == (130, "")
    assert "Traceback" not in ran.err


def connected(dsn: str) -> bool:
    """Say whether the tail has asked where the log ends."""
    query = "SELECT 1 FROM pg_stat_activity WHERE query LIKE %s AND datname = current_database()"
    return len(rows(dsn, query, "%FROM log.events%position >= $1%")) > 0
