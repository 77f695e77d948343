"""The judge of the drills: it believes the clients, and finds what was lost or done twice."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import psycopg
import pytest

from ledger.events.event import Sealed
from ledger.events.payment import PaymentCompleted
from ledger.events.transfer import TransferBooked
from ledger.identity import new_id
from ops.benches.draw import Draw
from ops.faults.checks import Aftermath, faults_of, stragglers_of, strayed, unfinished
from ops.faults.depths import told_canaries
from ops.faults.mutants import MUTANTS
from ops.faults.orders import NONE, Orders, give, orders_file, taken
from ops.faults.pulse import Pulse, faint
from ops.faults.record import Held, Moved, Outcome, Paid, Record, Refusal
from ops.faults.reveals import Proof
from ops.faults.steps import PLACES
from ops.faults.supervised import PARTS, SupervisedHouse
from ops.faults.trouble import Crash, Kill, OfParts, OfServers, Stop, drawn, swept
from projections import leases
from schema.postgres import connect
from tests.workers.log import append, created, started
from workers import claims
from workers.jobs import Cause, JobWanted, ask

STORY = "drill-test"
BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


def after(dsn: str, *outcomes: Outcome) -> Aftermath:
    return Aftermath(Record(list(outcomes)), STORY, dsn, BEGAN, {}, lambda _: "0.00")


def moved(number: int) -> Moved:
    return Moved(f"{STORY}.{number}", "a", "b", 100)


def booked(dsn: str, story: str) -> None:
    """Record a transfer."""
    event = TransferBooked(
        source_account_id=new_id(),
        destination_account_id=new_id(),
        amount=100,
        currency="USD",
        destination_amount=100,
        destination_currency="USD",
        initiated_by="test",
        posting_id=new_id(),
        description=Sealed("", ""),
    )
    append(dsn, (f"transfer-{new_id()}", event), correlation_id=story)


def strays(aftermath: Aftermath) -> list[str]:
    with psycopg.connect(aftermath.dsn) as connection:
        return [line.partition(":")[0].partition(" ")[2] for line in strayed(connection, aftermath)]


def test_what_was_acknowledged_is_there_once(database: str) -> None:
    booked(database, f"{STORY}.1")
    booked(database, "req_of_somebody_else")
    assert strays(after(database, moved(1), Refusal(f"{STORY}.2", "insufficient_funds"))) == []


def test_what_was_acknowledged_and_is_not_there_is_lost(database: str) -> None:
    assert strays(after(database, moved(1))) == ["lost"]


def test_what_is_there_twice_is_doubled(database: str) -> None:
    booked(database, f"{STORY}.1")
    booked(database, f"{STORY}.1")
    assert strays(after(database, moved(1))) == ["doubled"]


def test_what_was_refused_must_leave_nothing(database: str) -> None:
    booked(database, f"{STORY}.1")
    assert strays(after(database, Refusal(f"{STORY}.1", "insufficient_funds"))) == ["doubled"]


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_payment_ends_exactly_once(database: str, times: int) -> None:
    payment_id = new_id()
    done = PaymentCompleted(posting_id=new_id(), external_transaction_id=None, posted_at="")
    stream = f"payment-{payment_id}"
    append(database, (stream, created()), (stream, started()), *[(stream, done)] * times)
    aftermath = after(database, Paid(f"{STORY}.1", payment_id, "a", 100))
    with psycopg.connect(database) as connection:
        assert len(list(unfinished(connection, aftermath))) == (times != 1)


def test_the_record_adds_up() -> None:
    record = Record([moved(1), Held("s", "a", "b", 30), Paid("s", "p", "b", 50)])
    assert record.changes() == {"a": -130, "b": 80}


class Parts(SupervisedHouse):
    """A house of which only the names of the parts are needed."""

    def __init__(self) -> None:
        self.parts = PARTS


def test_a_seed_gives_the_same_troubles_again() -> None:
    first, second = Draw(7), Draw(7)
    row = [drawn(first, Parts(), stand_seconds=1) for _ in range(400)]
    assert row == [drawn(second, Parts(), stand_seconds=1) for _ in range(400)]
    assert {type(each) for each in row} == {Stop, *get_args(OfParts), *get_args(OfServers)}
    assert {part for each in row if isinstance(each, Kill) for part in each.parts} == set(PARTS)


def test_a_sweep_passes_every_named_step() -> None:
    row = [each for few in swept(Parts()) for each in few if isinstance(each, Crash)]
    assert {each.point for each in row} == {point for each in PLACES.values() for point in each}
    assert {len(each.parts) for each in row} == {2}


def test_orders_are_for_one_start(tmp_path: Path) -> None:
    orders = Orders(stand_at="before_close", lease_seconds=3)
    give(tmp_path, "worker-1", orders)
    assert taken(orders_file(tmp_path, "worker-1")) == orders
    assert taken(orders_file(tmp_path, "worker-1")) == NONE
    assert list(tmp_path.iterdir()) == []


def test_a_house_that_answers_less_or_slower_than_before_is_faint() -> None:
    well = Pulse(40, 40, 100)
    assert faint(well, Pulse(40, 40, 900)) == []
    assert faint(Pulse(40, 40, 800), Pulse(40, 40, 1_500)) == []
    assert len(faint(well, Pulse(40, 39, 1_001))) == 2


def test_what_was_sent_in_confidence_is_found_in_logs_and_jobs(
    database: str, tmp_path: Path
) -> None:
    log = tmp_path / "api-1.log"
    log.write_text("nothing, and canary-1")
    with psycopg.connect(database) as connection:
        told = list(told_canaries(connection, [log], ["canary-1", "canary-2"]))
    assert told == ["I13 api-1.log tells canary 0"]


def test_work_that_is_not_over_is_counted(database: str) -> None:
    payment_id = new_id()
    append(database, (f"payment-{payment_id}", created()), (f"payment-{payment_id}", started()))
    assert stragglers_of(after(database, Paid(f"{STORY}.1", payment_id, "a", 100))) == 1


def test_only_work_that_was_asked_for_in_the_drill_is_the_drills(database: str) -> None:
    with connect(database, "ledgerbank_app") as connection:
        for number, seconds in enumerate((-1, 0, 1)):
            wanted = JobWanted(
                actor="nobody",
                queue="system",
                subject_type="test",
                subject_id="-",
                cause=str(number),
            )
            ask(connection, wanted, Cause(correlation_id="-"), BEGAN + timedelta(seconds=seconds))
    assert stragglers_of(after(database)) == 2
    assert [line.partition(":")[0] for line in faults_of(after(database))] == ["I9 open job"] * 2


@pytest.mark.parametrize(("mutant", "found"), [("no-fencing", {}), (None, {"I9": 1})])
def test_a_mutant_that_gets_through_is_as_bad_as_a_fault_in_a_sound_house(
    mutant: str | None, found: dict[str, int]
) -> None:
    assert not Proof(mutant, 10, found).good
    other = {} if found else {"I9": 1}
    assert Proof(mutant, 10, other).good


def test_no_fencing_leaves_no_close_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COMPLETE", "TRY_AGAIN", "DISCARD", "HAND_BACK"):
        monkeypatch.setattr(claims, name, getattr(claims, name))
    for name in ("ADVANCE", "RENEW"):
        monkeypatch.setattr(leases, name, getattr(leases, name))
    MUTANTS["no-fencing"]()
    assert b"lease_token = %(token)s" not in claims.COMPLETE
    assert "token" not in leases.ADVANCE.partition("WHERE")[2]
