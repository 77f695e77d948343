"""`ledgerbank events`: the log as people and programs read it."""

import signal
from collections import Counter
from hashlib import sha256
from pathlib import Path

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
    ran = demo("events", "tail", "--from", "2", "--to", "3", "--json")
    assert [msgspec.json.decode(line)["position"] for line in ran.lines] == [2, 3]
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


def test_events_are_found_by_what_is_stored_in_them(demo: Shell) -> None:
    every = demo("--json", "events", "list", "--limit", "1000").json
    payment = next(each for each in every if each["type"] == "PaymentCompleted")
    identity = payment["stream_id"].partition("-")[2]
    found = demo("--json", "events", "search", identity.upper()).json
    stored = rows(dsn(demo), "SELECT position, data FROM log.events ORDER BY position")
    expected = [position for position, data in stored if identity.encode() in bytes(data)]
    assert [each["position"] for each in found] == expected
    opened = [x for x in every if x["type"] == "AccountOpened" and x["data"]["currency"] == "GBP"]
    flags = ("--field", "currency=GBP", "--type", "AccountOpened")
    assert demo("--json", "events", "search", *flags).json == opened
    assert demo("--json", "events", "search", "Alice").json == [], "sealed text is not found"
    assert demo("events", "search").code == 2
    assert demo("events", "search", "--field", "currency").code == 2


def test_events_are_chosen_by_time_actor_and_request(demo: Shell) -> None:
    every = demo("--json", "events", "list", "--limit", "1000").json
    middle = every[len(every) // 2]["recorded_at"]
    for flags, expected in (
        (("--until", middle), [each for each in every if each["recorded_at"] <= middle]),
        (("--since", middle), [each for each in every if each["recorded_at"] >= middle]),
        (("--correlation", "demo"), [x for x in every if x["correlation_id"] == "demo"]),
        (("--actor", ALICE.user_id), [x for x in every if x["actor"]["id"] == ALICE.user_id]),
    ):
        assert demo("--json", "events", "list", "--limit", "1000", *flags).json == expected, flags


def test_the_log_is_counted(demo: Shell) -> None:
    every = demo("--json", "events", "list", "--limit", "1000").json
    found = demo("--json", "events", "stats").json
    assert found["events"] == len(every)
    assert found["first_recorded_at"] == every[0]["recorded_at"]
    assert found["last_recorded_at"] == every[-1]["recorded_at"]
    counted = Counter(each["type"] for each in every)
    assert {each["name"]: each["events"] for each in found["types"]} == counted
    days = Counter(each["recorded_at"][:10] for each in every)
    assert {each["name"]: each["events"] for each in found["days"]} == days
    assert f"events               {len(every)}" in demo("events", "stats").lines


def test_a_log_goes_out_into_a_file_and_into_another_database(
    demo: Shell, tmp_path: Path, database: str
) -> None:
    source, file, into = dsn(demo), tmp_path / "log.jsonl", {"DATABASE_URL": database}
    assert demo("events", "export", "--out", str(file)).code == 0
    ran = demo("--json", "events", "import", str(file), **into)
    assert (ran.code, ran.json) == (0, {"position": head(source)}), ran.err
    assert rows(database, WHOLE) == rows(source, WHOLE)
    ends = "SELECT position, chain_hash, recorded_at FROM log.head"
    assert rows(database, ends) == rows(source, ends)
    epoch = "SELECT epoch FROM log.head"
    assert rows(database, epoch) != rows(source, epoch)
    shown = demo("--json", "events", "show", "1", **into).json
    assert shown["data"]["full_name"] == "[erased]"
    assert demo("projections", "rebuild", "accounts", "users", **into).code == 0
    assert demo("events", "import", str(file), **into).code == 1


def test_a_file_that_was_touched_is_not_taken_in(
    demo: Shell, tmp_path: Path, database: str
) -> None:
    file = tmp_path / "log.jsonl"
    assert demo("events", "export", "--out", str(file), "--to", "9").code == 0
    lines = file.read_text().splitlines()
    for broken, expected in (
        ([*lines[:3], lines[3].replace("recorded_at", "recorded_by"), *lines[4:]], "position 4 is"),
        ([*lines[:3], *lines[4:]], "position 4 is missing"),
        ([*lines[:3], "{}"], "line 4 is no event"),
    ):
        file.write_text("\n".join(broken) + "\n")
        ran = demo("events", "import", str(file), DATABASE_URL=database)
        assert ran.code == 1
        assert expected in ran.err
        assert rows(database, "SELECT count(*) FROM log.events") == [(0,)]


def test_what_became_of_a_command_is_told(demo: Shell) -> None:
    [(key, first, last)] = rows(
        dsn(demo),
        "SELECT key, first_position, last_position FROM log.commands"
        " WHERE last_position > first_position ORDER BY first_position LIMIT 1",
    )
    [found] = demo("--json", "commands", "show", key).json
    every = demo("--json", "events", "list", "--from", str(first), "--to", str(last)).json
    assert found["events"] == [each["type"] for each in every]
    assert (found["position"], found["replays"]) == (last, 0)
    assert demo("commands", "show", "nothing").code == 1
    assert demo("commands", "show", key, "--scope", "user:nobody").code == 1


def test_a_log_is_generated_by_decisions(shell: Shell) -> None:
    ran = shell("--json", "dev", "generate", "--events", "400")
    assert ran.code == 0, ran.err
    assert ran.json["position"] == head(dsn(shell)) >= 400
    assert shell("ledger", "check").code == 0


WHOLE = """
SELECT position, stream_id, version, event_id, command_id, name, schema_version, data, actor_id,
    correlation_id, recorded_at, effective_at, content_hash, chain_hash
FROM log.events ORDER BY position
"""
