"""`ledgerbank schema`: which shapes there are, and whether the log can be read."""

from pathlib import Path

import msgspec

from schema.contracts.events import published
from tests.ops.cli.books import change, rows
from tests.ops.cli.shell import Shell


def test_shapes_are_listed_with_what_is_stored(demo: Shell) -> None:
    told = {each["name"]: each for each in demo("--json", "schema", "list", "--stored").json}
    dsn = demo.environment["DATABASE_URL"]
    assert len(told) == len(published()["events"])
    assert told["AccountCredited"]["fields"] == "posting_id, entry_id, amount, balance_after"
    stored = dict(rows(dsn, "SELECT name, count(*) FROM log.events GROUP BY name"))
    assert {name: each["events"] for name, each in told.items() if each["events"]} == stored
    assert demo("schema", "list").lines[1].split()[:2] == ["AccessDenied", "1"]


def test_a_log_that_cannot_be_read_is_found(demo: Shell) -> None:
    assert demo("schema", "check", "--stored").code == 0
    told = demo("--json", "schema", "check").json
    assert (told["faults"], told["stored_shapes"]) == ([], None)
    change(demo.environment["DATABASE_URL"],
           "UPDATE log.events SET schema_version = 7 WHERE position = 3")  # fmt: skip
    found = demo("schema", "check", "--stored")
    assert (found.code, "at position 3 cannot be read" in found.out) == (1, True)


def test_the_shapes_are_exported_as_they_are_published(bare: Shell, tmp_path: Path) -> None:
    out = tmp_path / "events.json"
    assert bare("schema", "export", "--out", str(out)).code == 0
    assert msgspec.json.decode(out.read_bytes()) == published()
