"""A deleted person is gone from every read model, and comes back by no way (events_audit.md §8)."""

from typing import Any

import psycopg
import pytest

from ledger.events.event import Sealed
from ledger.events.payment import PaymentCreated
from ledger.events.user import UserDeleted, UserEmailChanged, UserRenamed
from ledger.identity import new_id
from projections.catalogue import ALL, BY_NAME
from projections.copying import copying
from projections.drift import compared
from projections.rebuild import rebuild, verify
from schema.seals import ERASED
from tests.projections.conftest import contents, followed, wait_for
from tests.projections.history import KEKS, History

CANARY = "canary"


class Aviary:
    """Anna, whose every text is a canary, among others; `delete` erases her as an append does."""

    def __init__(self, dsn: str, history: History) -> None:
        self.dsn, self.told = dsn, history
        self.anna = history.user(f"{CANARY} Anna")
        self.boris = history.user("Boris Example")
        self.hers = history.account(self.anna)
        self.his = history.account(self.boris)
        history.transfer(self.hers, self.his, text=f"{CANARY} rent")
        history.transfer(self.his, self.hers, text="his own words")
        self.pending = history.payment(self.hers, text=f"{CANARY} shoes")
        self.processing = history.payment(self.hers, 700, text=f"{CANARY} food")
        history.start(self.processing, self.hers, 700)
        history.hold(self.hers, 50)
        self.edited = [
            (f"user-{self.anna}", UserRenamed(full_name=self.hand(self.anna))),
            (f"user-{self.anna}", UserEmailChanged(email=self.hand(self.anna))),
        ]
        history.command(*self.edited)

    def hand(self, writer: str) -> Sealed:
        text = f"{CANARY} again" if writer == self.anna else "his own words"
        return self.told.seal(writer, text)

    def payment_by(self, description: str, reference: str) -> str:
        """Ask for a payment whose texts two people wrote."""
        payment_id = new_id()
        created = PaymentCreated(
            user_id=self.boris,
            user_bank_account_id=self.his,
            amount=100,
            currency="USD",
            direction="DEBIT",
            payment_type="WITHDRAWAL",
            description=self.hand(description),
            reference=self.hand(reference),
            rail="book",
            created_by=description,
        )
        self.told.command((f"payment-{payment_id}", created))
        return payment_id

    def settle(self) -> None:
        head = self.told.write(self.dsn)
        with followed(self.dsn):
            wait_for(self.dsn, head)

    def delete(self) -> None:
        self.told.command((f"user-{self.anna}", UserDeleted(erasure_id=new_id())))
        self.execute("DELETE FROM log.data_keys WHERE subject = %s", self.anna)

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description is not None else []

    def texts(self) -> str:
        """Return everything that read models say, those put aside included."""
        tables = self.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'read'")
        rows = [self.execute(f"SELECT t::text FROM read.{name} AS t") for (name,) in tables]
        return " ".join(row for table in rows for (row,) in table)


@pytest.fixture
def aviary(database: str, history: History) -> Aviary:
    return Aviary(database, history)


def test_names_are_gone_and_texts_read_erased(aviary: Aviary) -> None:
    aviary.settle()
    assert aviary.texts().count(CANARY) > 5
    aviary.delete()
    aviary.settle()
    assert CANARY not in aviary.texts()
    assert aviary.execute("SELECT email, full_name, status FROM read.users WHERE id = %s",
                          aviary.anna) == [(None, None, "DELETED")]  # fmt: skip
    assert aviary.execute("SELECT DISTINCT account_name FROM read.accounts WHERE user_id = %s",
                          aviary.anna) == [(None,)]  # fmt: skip
    for table in ("transactions", "payments", "transfers", "postings"):
        found = {text for (text,) in aviary.execute(f"SELECT description FROM read.{table}")}
        assert ERASED in found
    for table in ("transactions", "transfers", "postings"):
        told = aviary.execute(f"SELECT FROM read.{table} WHERE description = 'his own words'")
        assert told, "what others wrote stays"
    for each in ALL:
        assert verify(aviary.dsn, each, KEKS).compared


def test_what_happens_later_brings_nothing_back(aviary: Aviary) -> None:
    head = aviary.told.write(aviary.dsn)
    with followed(aviary.dsn):
        wait_for(aviary.dsn, head)
        aviary.delete()
        wait_for(aviary.dsn, aviary.told.write(aviary.dsn))
        aviary.told.cancel(aviary.pending)
        aviary.told.complete(aviary.processing, aviary.hers, 700)
        aviary.told.transfer(aviary.his, aviary.hers, text="his own words")
        aviary.told.transfer(aviary.hers, aviary.his, text=f"{CANARY} told once more")
        wait_for(aviary.dsn, aviary.told.write(aviary.dsn))
    assert CANARY not in aviary.texts()
    statuses = "SELECT status, description FROM read.payments WHERE user_id = %s ORDER BY 1"
    assert aviary.execute(statuses, aviary.anna) == [("CANCELLED", ERASED), ("COMPLETED", ERASED)]
    for each in ALL:
        verify(aviary.dsn, each, KEKS)


def test_of_two_hands_only_the_one_is_erased(aviary: Aviary) -> None:
    hands = {
        (aviary.anna, aviary.boris): (ERASED, "his own words"),
        (aviary.boris, aviary.anna): ("his own words", ERASED),
        (aviary.anna, aviary.anna): (ERASED, ERASED),
        (aviary.boris, aviary.boris): ("his own words", "his own words"),
    }
    payments = {aviary.payment_by(*writers): texts for writers, texts in hands.items()}
    aviary.settle()
    aviary.delete()
    aviary.settle()
    for payment_id, texts in payments.items():
        found = aviary.execute(
            "SELECT description, reference FROM read.payments WHERE id = %s", payment_id
        )
        assert found == [texts]
    verify(aviary.dsn, BY_NAME["payments"], KEKS)


def test_tables_that_a_rebuild_put_aside_go(aviary: Aviary) -> None:
    aviary.settle()
    for each in ALL:
        rebuild(aviary.dsn, each, KEKS)
    assert aviary.execute("SELECT to_regclass('read.payments__old')::text") != [(None,)]
    aviary.delete()
    aviary.settle()
    assert CANARY not in aviary.texts()
    kept = "SELECT projection FROM read.checkpoints WHERE kept_position IS NOT NULL ORDER BY 1"
    told_of_nobody = sorted((each.name,) for each in ALL if UserDeleted not in each.on)
    assert ("users",) not in told_of_nobody
    assert aviary.execute(kept) == told_of_nobody


@pytest.mark.parametrize("name", ["users", "accounts", "payments", "transactions"])
def test_a_rebuild_that_knew_the_person_erases_them_too(aviary: Aviary, name: str) -> None:
    aviary.settle()
    with copying(aviary.dsn, BY_NAME[name], KEKS, None) as copy:
        assert copy.follow_live()
        aviary.delete()
        aviary.settle()
        assert copy.compare(compared(BY_NAME[name], 1)[1]) == []
        assert CANARY not in str(contents(aviary.dsn, BY_NAME[name]))
        copy.take_place()
    assert CANARY not in aviary.texts()


def test_a_deletion_and_all_before_it_in_one_batch(aviary: Aviary) -> None:
    aviary.delete()
    aviary.told.cancel(aviary.pending)
    aviary.settle()
    assert CANARY not in aviary.texts()
    for each in ALL:
        verify(aviary.dsn, each, KEKS)
