"""`ledgerbank ledger`: the books hold, or the command says which invariant broke, and where."""

import psycopg
import pytest

from tests.ops.cli.books import change, contents, head, in_step, rows
from tests.ops.cli.faults import FAULTS, booked, wrong_balance_after
from tests.ops.cli.faults_of_terms import FAULTS_OF_TERMS, limited, the_same_payment_twice
from tests.ops.cli.shell import Shell
from tests.ops.cli.town import Town


def dsn(shell: Shell) -> str:
    return shell.environment["DATABASE_URL"]


def test_the_demo_holds(demo: Shell) -> None:
    ran = demo("ledger", "check")
    assert (ran.code, ran.err) == (0, "")
    assert ran.lines == [
        "GBP  customers 2500.00  clearing:TEST_BANK_UK:GBP -1640.00  opening:GBP -860.00"
        "  sum 0.00  ok",
        "USD  customers 1500.00  clearing:DEMO_BANK_US:USD -54.50  opening:USD -1445.50"
        "  sum 0.00  ok",
        "invariants    ok  I-1 … I-12, I-16",
    ]


def test_payments_and_transfers_hold(shell: Shell) -> None:
    town = Town()
    booked(town)
    town.history.write(dsn(shell))
    in_step(dsn(shell))
    found = shell("--json", "ledger", "check").json
    assert found.pop("events_per_second") > 0
    assert found == {
        "position": town.history.position,
        "checked": "I-1 … I-12, I-16",
        "sums": {
            "EUR": {"customers": "1000.00", "opening:EUR": "-1000.00"},
            "USD": {
                "customers": "1990.00",
                "clearing:LEDGERBANK:USD": "10.00",
                "opening:USD": "-2000.00",
            },
        },
        "totals": {"EUR": "0.00", "USD": "0.00"},
        "findings": [],
    }


def test_an_empty_log_holds(shell: Shell) -> None:
    ran = shell("ledger", "check")
    assert ran.code == 0
    assert ran.lines == ["invariants    ok  I-1 … I-12"]


def test_what_was_not_compared_is_not_claimed(demo: Shell) -> None:
    change(dsn(demo), "UPDATE read.checkpoints SET position = 0 WHERE projection = 'users'")
    assert demo("--json", "ledger", "check").json["checked"] == "I-1 … I-12"
    assert demo("ledger", "check", "--no-read-models").lines[-1].endswith("I-12")


def test_a_planted_fault_is_named(shell: Shell) -> None:
    for plant in (*FAULTS, *FAULTS_OF_TERMS):
        town = Town()
        invariant, position = plant(town)
        [stream] = [line[1] for line in town.history.lines if line[0] == position]
        forget(dsn(shell))
        town.history.write(dsn(shell))
        ran = shell("ledger", "check", "--no-read-models")
        [first, *_] = [line for line in ran.lines if "FAILED " in line and " sum " not in line]
        assert ran.code == 1, plant
        assert first.startswith(f"FAILED {invariant} at position {position} (stream {stream}, ")
        assert "invariants    ok" not in ran.out


def forget(dsn: str) -> None:
    """Empty the log, as only whoever owns the database can."""
    with psycopg.connect(dsn) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("TRUNCATE log.events, log.data_keys")


def test_a_check_may_stop_at_a_moment(shell: Shell) -> None:
    town = Town()
    booked(town)
    sound = town.history.position
    _, position = wrong_balance_after(town)
    town.history.write(dsn(shell))
    at = ("--json", "ledger", "check", "--at")
    for moment in (sound, position - 1, position, time_of(shell, sound)):
        ran = shell(*at, str(moment))
        told = (ran.code, ran.json["position"], ran.json["checked"])
        assert told == (
            1 if moment == position else 0,
            position if moment == position else sound,
            "I-1 … I-12",
        )
    beginning = shell(*at, "2025-01-01T00:00:00+01:00").json
    assert (beginning["position"], beginning["sums"]) == (0, {})
    assert shell(*at, str(position + 1)).code == 1
    assert shell(*at, "yesterday").code == 2


def time_of(shell: Shell, position: int) -> str:
    query = "SELECT recorded_at FROM log.events WHERE position = %s"
    [[moment]] = rows(dsn(shell), query, position)
    return str(moment)


def test_a_check_judges_by_the_settings_unless_they_changed(shell: Shell) -> None:
    town = Town()
    town.happened(*limited(town, 500))
    the_same_payment_twice(town)
    town.history.write(dsn(shell))
    check = ("--json", "ledger", "check", "--no-read-models")
    assert [each["invariant"] for each in shell(*check).json["findings"]] == ["I-10"]
    shell.environment["CHECKING_DAILY_LIMIT"] = "1"
    found = [each["invariant"] for each in shell(*check).json["findings"]]
    assert found == ["I-9", "I-10"]
    assert shell(*check, "--settings-changed").json["findings"] == []


def test_a_fault_is_told_to_programs_too(shell: Shell) -> None:
    town = Town()
    invariant, position = wrong_balance_after(town)
    town.history.write(dsn(shell))
    in_step(dsn(shell))
    ran = shell("--json", "ledger", "check")
    assert ran.code == 1
    [finding] = ran.json["findings"]
    assert (finding["invariant"], finding["position"]) == (invariant, position)
    assert town.his in finding["says"]


@pytest.mark.parametrize(
    ("table", "column"), [("accounts", "balance"), ("trial_balance", "debit_total")]
)
def test_a_changed_read_model_breaks_i_16(demo: Shell, table: str, column: str) -> None:
    one = f"(SELECT ctid FROM read.{table} LIMIT 1)"
    change(dsn(demo), f"UPDATE read.{table} SET {column} = {column} + 1 WHERE ctid = {one}")
    before = contents(dsn(demo), table)
    ran = demo("ledger", "check")
    assert ran.code == 1
    [found] = [line for line in ran.lines if "FAILED" in line]
    position = head(dsn(demo))
    assert found.startswith(f"FAILED I-16 at position {position}: {table} differs")
    assert contents(dsn(demo), table) == before
    assert demo("ledger", "check", "--no-read-models").code == 0


def test_an_event_that_nobody_can_apply_breaks_i_16(shell: Shell) -> None:
    town = Town()
    town.history.write(dsn(shell))
    in_step(dsn(shell))
    position = town.happened(town.moved((town.hers, -100), ("no account", 100))[2])
    town.history.write(dsn(shell))
    change(
        dsn(shell),
        "UPDATE read.checkpoints SET position = %s WHERE projection = 'accounts'",
        position,
    )
    ran = shell("ledger", "check")
    assert ran.code == 1
    assert f"FAILED I-16 at position {position}: position {position}" in ran.out


def test_a_hole_breaks_i_13(demo: Shell) -> None:
    change(dsn(demo), "DELETE FROM log.events WHERE position = 7")
    ran = demo("ledger", "check")
    assert ran.code == 1
    assert ran.lines[-1] == "FAILED I-13 at position 7: the log has a hole after position 6"


def test_lost_newest_events_break_i_13(demo: Shell) -> None:
    last = head(dsn(demo))
    change(dsn(demo), "DELETE FROM log.events WHERE position = %s", last)
    ran = demo("ledger", "check")
    assert ran.code == 1
    assert f"FAILED I-13 at position {last}: " in ran.out


def test_an_unreadable_event_is_told(demo: Shell) -> None:
    change(dsn(demo), "UPDATE log.events SET data = 'junk' WHERE position = 5")
    ran = demo("ledger", "check")
    assert ran.code == 1
    assert ran.lines[-1].startswith("FAILED I-18 at position 5: the event at position 5 cannot be")


def test_an_event_of_an_unknown_type_is_told(demo: Shell) -> None:
    change(dsn(demo), "UPDATE log.events SET name = 'MoonLanded' WHERE position = 5")
    ran = demo("ledger", "check")
    assert ran.code == 1
    assert ran.lines[-1].startswith("FAILED I-18 at position 5: ")
    assert "MoonLanded" in ran.lines[-1]


def test_a_check_changes_nothing(demo: Shell) -> None:
    query = "SELECT projection, position, status, kept_position FROM read.checkpoints ORDER BY 1"
    before = rows(dsn(demo), query)
    demo("ledger", "check")
    assert rows(dsn(demo), query) == before
    assert rows(dsn(demo), "SELECT 1 FROM pg_class WHERE relname LIKE '%%\\_\\_new'") == []


def test_the_trial_balance(demo: Shell) -> None:
    ran = demo("ledger", "trial-balance")
    assert ran.code == 0
    assert [line.split() for line in ran.lines] == [
        ["CURRENCY", "CODE", "DEBIT", "TOTAL", "CREDIT", "TOTAL", "BALANCE"],
        ["GBP", "clearing:TEST_BANK_UK:GBP", "1700.00", "60.00", "-1640.00"],
        ["GBP", "customers:GBP", "60.00", "2560.00", "2500.00"],
        ["GBP", "opening:GBP", "860.00", "0.00", "-860.00"],
        ["USD", "clearing:DEMO_BANK_US:USD", "200.00", "145.50", "-54.50"],
        ["USD", "customers:USD", "145.50", "1645.50", "1500.00"],
        ["USD", "opening:USD", "1445.50", "0.00", "-1445.50"],
    ]


def test_the_trial_balance_of_one_currency(demo: Shell) -> None:
    found = demo("--json", "ledger", "trial-balance", "--currency", "GBP").json
    assert found[1] == {
        "currency": "GBP",
        "code": "customers:GBP",
        "debit_total": "60.00",
        "credit_total": "2560.00",
        "balance": "2500.00",
    }
    assert {each["currency"] for each in found} == {"GBP"}
    assert demo("--json", "ledger", "trial-balance", "--currency", "JPY").json == []
    assert demo("ledger", "trial-balance", "--currency", "XXQ").code == 2


def test_a_trial_balance_that_does_not_balance_fails(demo: Shell) -> None:
    change(
        dsn(demo),
        "UPDATE read.trial_balance SET debit_total = debit_total + 1 WHERE code = 'opening:USD'",
    )
    ran = demo("ledger", "trial-balance")
    assert ran.code == 1
    assert "1445.51" in ran.out
    assert demo("ledger", "trial-balance", "--currency", "GBP").code == 0


def test_the_trial_balance_of_then_is_what_it_was(demo: Shell) -> None:
    asked = ("--json", "ledger", "trial-balance")
    now, end = demo(*asked).json, head(demo.environment["DATABASE_URL"])
    assert demo(*asked, "--at", str(end)).json == now
    assert demo(*asked, "--at", "2999-01-01T00:00:00Z").json == now
    then = demo(*asked, "--at", str(end // 2)).json
    assert then != now
    assert {each["currency"] for each in then} <= {each["currency"] for each in now}
    assert demo(*asked, "--at", "0").json == []
    refused = demo(*asked, "--at", str(end + 1))
    assert (refused.code, "invalid_position" in refused.err) == (1, True)
