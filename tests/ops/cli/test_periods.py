"""`ledgerbank ledger close|reopen`: a month is sealed with its sums, or it is said why not."""

from tests.ops.cli.books import change, rows
from tests.ops.cli.shell import Shell


def test_a_month_is_sealed_once_and_reopened(demo: Shell) -> None:
    sealed = demo("ledger", "close", "2020-02")
    assert (sealed.code, sealed.err) == (0, "")
    assert sealed.lines[-1] == "2020-02       CLOSED"
    twice = demo("ledger", "close", "2020-02")
    assert (twice.code, "already_processed" in twice.err) == (1, True)
    reopened = demo("--json", "ledger", "reopen", "2020-02", "--reason", "A late statement")
    assert reopened.json["status"] == "OPEN"
    assert reopened.json["reason"] == "A late statement"
    again = demo("--json", "ledger", "close", "2020-02").json
    assert again["status"] == "CLOSED"
    stream = "SELECT name FROM log.events WHERE stream_id = 'period-202002' ORDER BY version"
    names = [name for (name,) in rows(demo.environment["DATABASE_URL"], stream)]
    assert names == ["PeriodClosed", "PeriodReopened", "PeriodClosed"]


def test_what_cannot_be_sealed(demo: Shell) -> None:
    ahead = demo("ledger", "close", "2090-01")
    assert (ahead.code, "invalid_datetime_format" in ahead.err) == (1, True)
    crooked = demo("ledger", "close", "2020-13")
    assert (crooked.code, "invalid_field_value" in crooked.err) == (1, True)
    never = demo("ledger", "reopen", "2019-01", "--reason", "Why not")
    assert (never.code, "already_processed" in never.err) == (1, True)
    assert demo("ledger", "reopen", "2019-01").code == 2


def test_sums_that_are_not_folded_yet_are_not_sealed(demo: Shell) -> None:
    dsn = demo.environment["DATABASE_URL"]
    change(dsn, "UPDATE log.events SET recorded_at = '2020-01-05T00:00:00Z' WHERE position = 1")
    change(dsn, "UPDATE read.checkpoints SET position = 0 WHERE projection = 'trial_balance'")
    refused = demo("ledger", "close", "2020-02")
    assert (refused.code, "projection_lagging" in refused.err) == (1, True)
