"""The audit finds what is wrong, says which invariant and where, and finds nothing else."""

import pytest

from ops.audits import FOUND_MAX, Audit, Finding
from tests.ops.cli import faults
from tests.ops.cli.faults import FAULTS, Fault, Town


def audited(town: Town) -> Audit:
    audit = Audit()
    for logged in town.events():
        audit.take(logged)
        if logged.position in town.history.ends:
            audit.end_command()
    audit.end()
    return audit


def test_nothing_is_wrong_where_all_is_well() -> None:
    town = Town()
    undone = faults.booked(town)
    town.happened(*town.moved((town.his, -100), (town.hers, 100), reverses_posting_id=undone))
    audit = audited(town)
    assert audit.findings == []
    assert audit.position == town.history.position
    assert audit.sums == {
        ("USD", "customers"): 199_000,
        ("USD", "opening:USD"): -200_000,
        ("USD", "clearing:LEDGERBANK:USD"): 1_000,
        ("EUR", "customers"): 100_000,
        ("EUR", "opening:EUR"): -100_000,
    }
    assert dict(audit.totals()) == {"EUR": 0, "USD": 0}


@pytest.mark.parametrize("plant", FAULTS, ids=lambda plant: plant.__name__)
def test_a_fault_is_found_where_it_is(plant: Fault) -> None:
    town = Town()
    invariant, position = plant(town)
    [first, *_] = audited(town).findings
    assert (first.invariant, first.position) == (invariant, position), first


def test_entries_without_posting_make_money() -> None:
    town = Town()
    faults.entry_without_posting(town)
    assert audited(town).findings[-1] == Finding(
        "I-3", town.history.position, "all USD accounts sum to -100, not to zero"
    )


def test_a_hold_may_be_captured_in_parts() -> None:
    town = Town()
    hold_id = town.history.hold(town.hers, 700)
    for amount, final in ((300, False), (100, True)):
        town.happened(
            (f"account-{town.hers}", faults.captured(hold_id, amount, final=final)),
            *town.moved((town.hers, -amount), (town.his, amount), hold_id=hold_id),
        )
    audit = audited(town)
    assert audit.findings == []
    assert audit.accounts[town.hers].holds == {}


def test_the_credit_limit_may_be_spent() -> None:
    town = Town()
    owner = town.history.owners[town.hers]
    credit = town.history.account(owner, 0, credit_limit=500)
    town.happened(*town.moved((credit, -500), (town.his, 500)))
    assert audited(town).findings == []
    town.happened(*town.moved((credit, -1), (town.his, 1)))
    assert [each.invariant for each in audited(town).findings] == ["I-5"]


def test_usage_of_an_earlier_day_changes_nothing_today() -> None:
    town = Town()
    for day, delta in (("2025-03-02", 100), ("2025-03-03", 50), ("2025-03-02", -100)):
        town.happened((f"account-{town.hers}", faults.used(day, delta)))
    assert audited(town).findings == []
    town.happened((f"account-{town.hers}", faults.used("2025-03-03", -51)))
    assert [each.invariant for each in audited(town).findings] == ["I-9"]


def test_positions_that_jump_are_told() -> None:
    audit, town = Audit(), Town()
    first, _, third, *_ = town.events()
    audit.take(first)
    audit.take(third)
    assert audit.findings == [Finding("I-13", 3, "positions jump from 1 to 3")]


def test_a_ruined_log_does_not_fill_the_memory() -> None:
    town = Town()
    for _ in range(FOUND_MAX + 10):
        faults.entry_without_posting(town)
    assert len(audited(town).findings) == FOUND_MAX
