"""The audit finds what is wrong, says which invariant and where, and finds nothing else."""

from decimal import Decimal

import msgspec
import pytest

from ledger.events.account import AccountLinked
from ledger.identity import new_id
from ledger.policies.limits import Rules
from ops.audits.audit import Audit
from ops.audits.findings import FOUND_MAX, Finding
from tests.ops.cli import faults, faults_of_terms
from tests.ops.cli.faults import FAULTS, Fault
from tests.ops.cli.faults_of_terms import FAULTS_OF_TERMS, account
from tests.ops.cli.stored import AccountClosed, HoldExpired, quote, quoted
from tests.ops.cli.town import Town

RULES = Rules(
    daily_limits={"CHECKING": Decimal(1_000)},
    daily_limit_default=Decimal(0),
    single_limit=Decimal(10_000),
)


def audited(town: Town, rules: Rules | None = RULES) -> Audit:
    audit = Audit(rules, town.booked, town.reveal)
    for fact in town.facts():
        audit.take(fact)
        if fact.position in town.history.ends:
            audit.end_command()
    audit.end()
    return audit


def test_nothing_is_wrong_where_all_is_well() -> None:
    town = Town()
    undone = faults.booked(town)
    town.happened(*town.moved((town.his, -100), (town.hers, 100), reverses_posting_id=undone))
    audit = audited(town)
    assert audit.found == []
    assert audit.position == town.history.position
    assert audit.sums == {
        ("USD", "customers"): 199_000,
        ("USD", "opening:USD"): -200_000,
        ("USD", "clearing:LEDGERBANK:USD"): 1_000,
        ("EUR", "customers"): 100_000,
        ("EUR", "opening:EUR"): -100_000,
    }
    assert dict(audit.totals()) == {"EUR": 0, "USD": 0}


@pytest.mark.parametrize("plant", [*FAULTS, *FAULTS_OF_TERMS], ids=lambda plant: plant.__name__)
def test_a_fault_is_found_where_it_is(plant: Fault) -> None:
    town = Town()
    invariant, position = plant(town)
    [first, *_] = audited(town).found
    assert (first.invariant, first.position) == (invariant, position), first
    lines = {line[0]: (line[1], line[2]) for line in town.history.lines}
    assert (first.stream, first.version) == lines[position]


def test_entries_without_posting_make_money() -> None:
    town = Town()
    faults.entry_without_posting(town)
    assert audited(town).found[-1] == Finding(
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
    assert audit.found == []
    assert audit.accounts.standings[town.hers].promises == {}


def test_the_credit_limit_may_be_spent() -> None:
    town = Town()
    owner = town.history.owners[town.hers]
    credit = town.history.account(owner, 0, credit_limit=500)
    town.happened(*town.moved((credit, -500), (town.his, 500)))
    assert audited(town).found == []
    town.happened(*town.moved((credit, -1), (town.his, 1)))
    assert [each.invariant for each in audited(town).found] == ["I-5"]


def test_usage_of_an_earlier_day_changes_nothing_today() -> None:
    town = Town()
    town.happened(*faults_of_terms.limited(town, 50))
    town.happened((account(town.hers), faults.used("2025-02-28", -100)))
    assert audited(town).found == []
    town.happened((account(town.hers), faults.used("2025-03-01", -151)))
    assert [each.invariant for each in audited(town).found] == ["I-9"]


def test_what_only_settings_tell_may_be_left_out() -> None:
    for plant in (
        faults_of_terms.over_the_limit_of_its_type,
        faults_of_terms.the_same_payment_twice,
    ):
        town = Town()
        plant(town)
        assert audited(town, None).found == []


def test_the_same_payment_may_come_again() -> None:
    town = Town()
    for _ in range(2):
        town.history.fail(town.started("Rent"), town.hers)
    town.complete(town.started("Rent"), town.hers)
    elsewhere = town.history.payment(town.his, text="Rent")
    town.history.start(elsewhere, town.his)
    assert audited(town).found == []
    later = msgspec.structs.replace(RULES, duplicate_window_seconds=0)
    town.started("Rent")
    assert audited(town, later).found == []
    off = msgspec.structs.replace(RULES, detect_duplicates=False)
    assert audited(town, off).found == []
    assert [each.invariant for each in audited(town).found] == ["I-10"]


def test_what_nobody_can_read_any_more_is_like_nothing() -> None:
    town = Town()
    faults_of_terms.the_same_payment_twice(town)
    del town.history.keys[town.anna]
    assert audited(town).found == []


def test_a_quote_is_used_once() -> None:
    town = Town()
    quote_id, stream = quoted()
    town.happened((stream, quote()))
    town.happened(*faults_of_terms.exchanged(town, quote_id))
    audit = audited(town)
    assert audit.found == []
    assert (audit.sums["EUR", "fx:EUR"], audit.sums["USD", "fx:USD"]) == (-90, 100)


def test_a_quote_may_say_it_is_used_before_the_transfer_is_booked() -> None:
    town = Town()
    quote_id, stream = quoted()
    town.happened((stream, quote()))
    *moves, used = faults_of_terms.exchanged(town, quote_id)
    town.happened(used, *moves)
    assert audited(town).found == []


def test_an_account_that_is_empty_may_end() -> None:
    town = Town()
    empty = town.history.account(town.anna, 0, credit_limit=500)
    hold_id = town.history.hold(empty, 100, expires_at=faults_of_terms.NOW)
    town.happened((account(empty), AccountClosed()))
    town.happened((account(empty), HoldExpired(hold_id=hold_id, amount=100)))
    assert audited(town).found == []


def test_only_an_import_may_overdraw() -> None:
    town = Town()
    taken = (town.hers, -200_000), ("clearing:DEMO:USD", 200_000)
    town.happened(*town.moved(*taken, kind="IMPORT"))
    town.happened(*town.moved((town.his, -1), (town.hers, 1)))
    assert audited(town).found == []
    town.happened(*town.moved((town.hers, -1), (town.his, 1)))
    assert [each.invariant for each in audited(town).found] == ["I-5"]


def test_only_what_mirrors_an_outside_bank_may_begin_overdrawn() -> None:
    town = Town()
    overdrawn = town.history.account(town.anna, 0)
    first = town.moved((overdrawn, -700), ("opening:USD", 700), kind="OPENING")
    linked = AccountLinked(
        bank_connection_id=new_id(),
        external_account_id="acc_1",
        provider="sandbox",
        bank_code="DEMO",
    )
    town.happened((account(overdrawn), linked))
    town.happened(*first)
    assert audited(town).found == []
    own = town.history.account(town.anna, 0)
    town.happened(*town.moved((own, -1), ("opening:USD", 1), kind="OPENING"))
    assert [each.invariant for each in audited(town).found] == ["I-5"]


def test_positions_that_jump_are_told() -> None:
    town = Town()
    audit = Audit(RULES, town.booked, town.reveal)
    first, _, third, *_ = town.facts()
    audit.take(first)
    audit.take(third)
    jumped = Finding("I-13", 3, "positions jump from 1 to 3", third.stream_id, third.version)
    assert audit.found == [jumped]


def test_a_ruined_log_does_not_fill_the_memory() -> None:
    town = Town()
    for _ in range(FOUND_MAX + 10):
        faults.entry_without_posting(town)
    *shown, sums = audited(town).found
    assert len(shown) == FOUND_MAX
    assert "sum to" in sums.says
