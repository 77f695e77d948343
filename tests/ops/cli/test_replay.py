"""`ledgerbank replay`: the same position has the same digest, whoever folds it where (P-7)."""

from pathlib import Path

import msgspec

from tests.ops.cli.books import change, contents, head, rows
from tests.ops.cli.shell import Shell


def dsn(shell: Shell) -> str:
    return shell.environment["DATABASE_URL"]


def test_the_digest_depends_on_the_log_alone(demo: Shell) -> None:
    whole = demo("--json", "replay").json
    assert whole["position"] == head(dsn(demo))
    other = demo.alone(
        "--json", "replay", "--digest", "--batch", "3",
        TZ="Pacific/Auckland", PGTZ="Asia/Kolkata", PYTHONHASHSEED="7", LC_ALL="C",
    )  # fmt: skip
    assert msgspec.json.decode(other.out) == {
        "position": whole["position"], "digest": whole["digest"],
    }, other.err  # fmt: skip
    again = demo.alone("--json", "replay", "--digest", TZ="America/Lima", PYTHONHASHSEED="99")
    assert again.out == other.out
    change(dsn(demo), "DELETE FROM log.data_keys WHERE kid = (SELECT min(kid::text)::uuid FROM"
                      " log.data_keys)")  # fmt: skip
    assert demo("--json", "replay", "--digest").out == other.out, "erasure changes no digest"


def test_a_replay_tells_totals_and_changes_nothing(demo: Shell, tmp_path: Path) -> None:
    before = contents(dsn(demo), "accounts", "users", "checkpoints")
    out = tmp_path / "rows.jsonl"
    found = demo("--json", "replay", "accounts", "trial_balance", "--out", str(out)).json
    live = dict(rows(dsn(demo), "SELECT currency, sum(debit_total)::bigint FROM read.trial_balance"
                                " GROUP BY currency"))  # fmt: skip
    assert {each["currency"]: each["debits"] for each in found["totals"]} == live
    assert all(each["debits"] == each["credits"] for each in found["totals"])
    written = [msgspec.json.decode(line) for line in out.read_text().splitlines()]
    balances = {x["row"]["id"]: x["row"]["balance"] for x in written if x["table"] == "accounts"}
    assert balances == dict(rows(dsn(demo), "SELECT id::text, balance FROM read.accounts"))
    assert contents(dsn(demo), "accounts", "users", "checkpoints") == before
    left = "SELECT count(*) FROM pg_class WHERE right(relname, 8) = '__replay'"
    assert rows(dsn(demo), left) == [(0,)]
    lines = demo("replay", "trial_balance").lines
    assert [line.split()[-1] for line in lines[-len(live) :]] == ["balanced"] * len(live)


def test_the_past_is_what_it_was_then(demo: Shell) -> None:
    [(end, at)] = rows(
        dsn(demo),
        "SELECT last_position, recorded_at FROM log.commands WHERE last_position > 30"
        " ORDER BY last_position LIMIT 1",
    )
    then = demo("--json", "replay", "--until", str(end)).json
    inside = demo("--json", "replay", "--until", at).json
    assert then["position"] == end
    assert inside["position"] >= end
    assert then["digest"] != demo("--json", "replay").json["digest"]
    empty = demo("--json", "replay", "--until", "0").json
    assert {each["rows"] for each in empty["tables"]} == {0}


def test_live_rows_are_compared(demo: Shell) -> None:
    assert demo("replay", "accounts", "users", "--compare-live").code == 0
    change(dsn(demo), "UPDATE read.accounts SET balance = 1 WHERE last_four = '1234'")
    ran = demo("--json", "replay", "accounts", "users", "--compare-live")
    assert ran.code == 1
    found = [msgspec.json.decode(line) for line in ran.lines]
    assert [each["differing"] for each in found] == [1, 0]
    assert demo("replay", "--compare-live", "--until", "3").code == 2
